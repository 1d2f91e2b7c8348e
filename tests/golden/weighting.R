# Golden values of propensity scores and weighted estimates. From the repository root: Rscript tests/golden/weighting.R
# glm gives the scores, coxph(weights, robust = TRUE) and survfit(weights) the rest; the robust variance of a weighted
# share is lm's sandwich (HC0), written out.
suppressMessages(library(survival))
source("tests/golden/write_json.R")

share <- function(y, a, w) {
  fit <- lm(y ~ a, weights = w)
  x <- model.matrix(fit)
  bread <- solve(t(x) %*% (w * x))
  meat <- t(x * w * resid(fit)) %*% (x * w * resid(fit))
  v <- bread %*% meat %*% bread
  list(difference = unname(coef(fit)[2]), se = sqrt(v[2, 2]), second = unname(coef(fit)[1]), first = sum(coef(fit)))
}

case <- function(name, time, event, a, x, outcome) {
  m <- glm(a ~ x, family = binomial, epsilon = 1e-14, maxit = 100)
  e <- unname(fitted(m))
  out <- list(name = name, time = time, event = event * 1, treated = a * 1, outcome = outcome * 1,
              x = lapply(seq_len(nrow(x)), function(i) unname(x[i, ])),
              coef = unname(coef(m)), se = unname(sqrt(diag(vcov(m)))), score = e)
  for (kind in c("ATE", "stabilised", "ATT", "ATO")) {
    w <- switch(kind, ATE = ifelse(a == 1, 1 / e, 1 / (1 - e)),
                stabilised = ifelse(a == 1, mean(a) / e, (1 - mean(a)) / (1 - e)),
                ATT = ifelse(a == 1, 1, e / (1 - e)), ATO = ifelse(a == 1, 1 - e, e))
    made <- list(weight = w, ess = c(sum(w[a == 1])^2 / sum(w[a == 1]^2), sum(w[a == 0])^2 / sum(w[a == 0]^2)))
    for (ties in c("efron", "breslow")) {
      fit <- coxph(Surv(time, event) ~ a, weights = w, robust = TRUE, ties = ties, eps = 1e-12, iter.max = 100)
      made[[ties]] <- list(coef = unname(coef(fit)), se = sqrt(fit$var[1, 1]), naive_se = sqrt(fit$naive.var[1, 1]),
                           p = unname(summary(fit)$coefficients[, "Pr(>|z|)"]))
    }
    curves <- lapply(c(1, 0), function(g) {
      f <- survfit(Surv(time[a == g], event[a == g]) ~ 1, weights = w[a == g])
      list(time = f$time[f$n.event > 0], survival = f$surv[f$n.event > 0])
    })
    made$curves <- curves
    made$share <- share(outcome * 1, a, w)
    # Balance as cobalt has it: the spread of the unweighted arms, for ATT of the treated alone.
    made$balance <- lapply(seq_len(ncol(x)), function(j) {
      v <- x[, j]
      two <- all(v %in% 0:1)
      spread <- sapply(c(1, 0), function(g) if (two) mean(v[a == g]) * (1 - mean(v[a == g])) else var(v[a == g]))
      s <- sqrt(if (kind == "ATT") spread[1] else mean(spread))
      c((mean(v[a == 1]) - mean(v[a == 0])) / s,
        (weighted.mean(v[a == 1], w[a == 1]) - weighted.mean(v[a == 0], w[a == 0])) / s)
    })
    out[[kind]] <- made
  }
  out
}

li <- read.csv("studies/li2023/cohort.csv")
lix <- with(li, cbind(age = age_years, sex = sex == "male", child = child_pugh == "B", both = lesion_distribution == "both",
                      size = lesion_size_cm >= 5, multi = n_lesions >= 2, ecog = ecog) * 1)
response <- li$response %in% c("CR", "PR")
a <- (li$arm == "DEB-TACE") * 1
ve <- veteran
vex <- cbind(ve$karno, ve$age, ve$diagtime, ve$celltype == "smallcell", ve$prior == 10) * 1
lu <- na.omit(lung[, c("time", "status", "sex", "age", "ph.ecog", "ph.karno")])
sets <- list(
  case("li2023 PFS", li$pfs_days, li$pfs_event, a, lix, response),
  case("li2023 OS", li$os_days, li$os_event, a, lix, response),
  case("veteran, months", round(ve$time / 30), ve$status, ve$trt - 1, vex, ve$time > 180),
  case("lung", lu$time, lu$status - 1, lu$sex - 1, cbind(lu$age, lu$ph.ecog, lu$ph.karno), lu$time > 365)
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/weighting.json")

# Golden values of R's survival package. From the repository root: Rscript tests/golden/survival.R
suppressMessages(library(survival))
source("tests/golden/write_json.R")

curve <- function(time, event) {
  base <- survfit(Surv(time, event) ~ 1, conf.type = "log-log")
  out <- list(time = base$time, at_risk = base$n.risk, events = base$n.event, censored = base$n.censor,
              survival = base$surv)
  for (type in c("log-log", "log", "plain")) {
    fit <- survfit(Surv(time, event) ~ 1, conf.type = type)
    middle <- summary(fit)$table[c("median", "0.95LCL", "0.95UCL")]
    out[[type]] <- list(lower = fit$lower, upper = fit$upper, median = unname(middle))
  }
  out
}

model <- function(time, event, x, ties) {
  y <- Surv(time, event)
  fit <- coxph(y ~ x, ties = ties, eps = 1e-12, toler.chol = 1e-14, iter.max = 100)
  out <- list(coef = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))), p = unname(summary(fit)$coefficients[, 5]),
              loglik = fit$loglik, score = fit$score)
  for (transform in c("km", "identity", "log")) {
    if (transform == "log" && any(time <= 0)) next
    zph <- cox.zph(fit, transform = transform, terms = FALSE)$table
    out[[paste0("zph_", transform)]] <- list(chi2 = unname(zph[, 1]), p = unname(zph[, 3]))
  }
  # The last column's entry test at the coefficients of the others.
  k <- ncol(x)
  if (k > 1) {
    small <- coxph(y ~ x[, -k], ties = ties, eps = 1e-12, iter.max = 100)
    entry <- coxph(y ~ x, ties = ties, init = c(coef(small), 0), iter.max = 0)
    out$entry_score <- entry$score
  }
  out
}

case <- function(name, time, event, group, x = NULL, cox = TRUE, logrank = TRUE) {
  out <- list(name = name, time = time, event = as.integer(event), group = as.integer(group))
  groups <- sort(unique(out$group))
  out$curves <- lapply(groups, function(g) curve(time[out$group == g], event[out$group == g]))
  out$reverse <- lapply(groups, function(g) curve(time[out$group == g], 1 - event[out$group == g]))
  if (logrank) {
    test <- survdiff(Surv(time, event) ~ out$group)
    out$logrank <- list(chi2 = test$chisq, p = pchisq(test$chisq, length(groups) - 1, lower.tail = FALSE))
  }
  if (cox) {
    x <- as.matrix(x)
    out$x <- lapply(seq_len(nrow(x)), function(i) unname(x[i, ]))
    out$efron <- model(time, event, x, "efron")
    out$breslow <- model(time, event, x, "breslow")
  }
  out
}

li <- read.csv("studies/li2023/cohort.csv")
lix <- with(li, cbind(treatment = arm == "DEB-TACE", age = age_years >= 60, sex = sex == "male", child = child_pugh == "B",
                      both = lesion_distribution == "both", size = lesion_size_cm >= 5, multi = n_lesions >= 2, ecog = ecog) * 1)
lu <- na.omit(lung[, c("time", "status", "sex", "age", "ph.ecog", "ph.karno")])
ve <- veteran
vex <- cbind(ve$trt - 1, ve$karno, ve$age, ve$diagtime, ve$celltype == "smallcell", ve$celltype == "adeno",
             ve$celltype == "large") * 1
ov <- ovarian
# A resample of li2023's PFS. Its likelihood has a maximum, which lifelines' steps do not find.
steep <- data.frame(
  time = c(365, 56, 119, 125, 371, 212, 212, 47, 53, 371, 113, 56, 368, 365, 113, 374, 50, 371, 374, 368, 56, 371),
  event = c(1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1),
  treatment = c(1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1),
  age = c(1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1),
  child = c(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  both = c(1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1),
  ecog = c(1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1))
pb <- subset(pbc, !is.na(trt))

sets <- list(
  case("li2023 PFS", li$pfs_days, li$pfs_event, li$arm == "DEB-TACE", lix),
  case("li2023 OS", li$os_days, li$os_event, li$arm == "DEB-TACE", lix),
  case("li2023 PFS treatment", li$pfs_days, li$pfs_event, li$arm == "DEB-TACE", lix[, 1, drop = FALSE]),
  case("li2023 OS treatment", li$os_days, li$os_event, li$arm == "DEB-TACE", lix[, 1, drop = FALSE]),
  case("li2023 PFS treatment and age", li$pfs_days, li$pfs_event, li$arm == "DEB-TACE", lix[, 1:2]),
  case("li2023 OS treatment and sex", li$os_days, li$os_event, li$arm == "DEB-TACE", lix[, c(1, 3)]),
  case("lung", lu$time, lu$status - 1, lu$sex, cbind(lu$sex - 1, lu$age, lu$ph.ecog, lu$ph.karno)),
  case("veteran, four cell types", ve$time, ve$status, ve$celltype, vex),
  case("veteran, months", round(ve$time / 30), ve$status, ve$trt, vex),
  # Newton's second step from 0 runs past the maximum here.
  case("pbc, oedema", pb$time, pb$status == 2, pb$trt, cbind(pb$edema == 0.5, pb$edema == 1) * 1),
  case("ovarian", ov$futime, ov$fustat, ov$rx, cbind(ov$rx - 1, ov$age, ov$resid.ds - 1)),
  case("steep", steep$time, steep$event, steep$treatment, steep[, 3:7]),
  case("rests at one half", c(1, 2, 3, 4, 2, 3, 5, 7), rep(1, 8), rep(0:1, each = 4), matrix(rep(0:1, each = 4))),
  case("events on day zero", c(0, 0, 3, 5, 0, 4, 6, 9), c(1, 0, 1, 0, 1, 1, 0, 1), rep(0:1, each = 4),
       matrix(rep(0:1, each = 4))),
  case("no events in one arm", c(5, 6, 7, 8, 9, 2, 3, 4, 5, 6), rep(0:1, each = 5), rep(0:1, each = 5), cox = FALSE),
  case("all tied", rep(5, 8), rep(1, 8), rep(0:1, each = 4), cox = FALSE, logrank = FALSE),
  case("all censored", c(3, 4, 5, 6), rep(0, 4), c(0, 0, 1, 1), cox = FALSE, logrank = FALSE),
  case("one subject", 4, 1, 0, cox = FALSE, logrank = FALSE),
  case("one censored subject", 4, 0, 0, cox = FALSE, logrank = FALSE),
  case("monotone", c(1, 2, 3, 4, 5, 6, 7, 8), c(1, 1, 1, 1, 0, 1, 0, 1), c(1, 1, 1, 1, 0, 0, 0, 0), cox = FALSE)
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/survival.json")

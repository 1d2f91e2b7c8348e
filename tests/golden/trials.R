# What R's survival package (of competing risks also cmprsk) gives on the three public trials, written where the studies
# look for figures to compare with: studies/<name>/expected.json and figures.toml. From the repository root: Rscript tests/golden/trials.R
# GBSG2 is read from R's own copy (survival::gbsg), not from the copy that the sample is made of.
suppressMessages(library(survival))

figures <- list()
figure <- function(id, result, value, places = 4) {
  figures[[length(figures) + 1]] <<- list(id = id, result = result, value = unname(value), places = places)
}
P <- 6  # decimals of P values and coefficients

trial <- function(study, endpoint, data, arms, covariates, divisor, times, cause = NULL) {
  # data: time, event, arm (1: experimental, 0: reference), and the covariates, factors where they have levels.
  figures <<- list()
  contrast <- paste(arms, collapse = " vs ")
  y <- Surv(data$time, data$event)
  group <- function(k) data$arm == 2 - k
  for (k in 1:2) {
    a <- arms[k]
    s <- paste0(tolower(endpoint), ".", c("experimental", "reference")[k])
    mine <- group(k)
    figure(paste0(s, ".n"), sprintf("flow.analysed..%s.n.", a), sum(mine), 0)
    figure(paste0(s, ".events"), sprintf("%s.events..%s.n.", endpoint, a), sum(data$event[mine]), 0)
    fit <- survfit(y[mine] ~ 1, conf.type = "log-log")
    m <- summary(fit)$table[c("median", "0.95LCL", "0.95UCL")] / divisor
    for (i in 1:3) if (!is.na(m[i]))
      figure(paste0(s, ".median.", c("estimate", "lower", "upper")[i]),
             sprintf("%s.median..%s.%s.km_log_log_middle", endpoint, a, c("estimate", "lower", "upper")[i]), m[i])
    reverse <- summary(survfit(Surv(data$time, 1 - data$event)[mine] ~ 1))$table["median"] / divisor
    if (!is.na(reverse)) figure(paste0(s, ".follow_up"), sprintf("%s.follow_up..%s.median.reverse_km", endpoint, a), reverse)
    for (t in times) {  # the last event not after t
      i <- max(which(fit$n.event > 0 & fit$time <= t))
      at <- sprintf("%s.km.%.4f.%s", endpoint, fit$time[i] / divisor, a)
      figure(paste0(s, ".survival.", t), paste0(at, ".survival."), fit$surv[i], P)
      figure(paste0(s, ".survival.", t, ".lower"), paste0(at, ".lower.log-log"), fit$lower[i], P)
      figure(paste0(s, ".survival.", t, ".upper"), paste0(at, ".upper.log-log"), fit$upper[i], P)
      figure(paste0(s, ".at_risk.", t), paste0(at, ".at_risk."), fit$n.risk[i], 0)
    }
  }
  test <- survdiff(y ~ arm, data)
  figure("logrank.chi2", sprintf("%s.logrank..%s.chi2.logrank", endpoint, contrast), test$chisq, P)
  figure("logrank.p", sprintf("%s.logrank..%s.p.logrank", endpoint, contrast),
         pchisq(test$chisq, 1, lower.tail = FALSE), P)

  model <- function(terms, variable, which) {
    fit <- coxph(reformulate(terms, "y"), data, ties = "efron", eps = 1e-12, toler.chol = 1e-14, iter.max = 100)
    table <- cbind(coef = coef(fit), se = sqrt(diag(vcov(fit))), hr = exp(coef(fit)), exp(confint(fit)),
                   p = summary(fit)$coefficients[, 5])
    colnames(table)[4:5] <- c("lower", "upper")
    for (name in rownames(table)) {
      term <- terms[startsWith(name, terms)][1]
      level <- substring(name, nchar(term) + 1)
      place <- if (term == "arm") paste0("treatment=", arms[1], ".", contrast)
               else paste0(term, if (level != "") paste0("=", level), ".total")
      for (s in colnames(table))
        figure(paste(which, name, s, sep = "."), sprintf("%s.%s.%s.%s.efron", endpoint, variable, place, s),
               table[name, s], P)
    }
    zph <- cox.zph(fit, transform = "km")$table
    method <- if (variable == "cox_adjusted") "score_km_adjusted" else "score_km"
    for (name in rownames(zph)) {
      if (name == "GLOBAL" && variable != "cox_adjusted") next
      term <- c(arm = "treatment", GLOBAL = "global")[name]
      if (is.na(term)) term <- name
      figure(paste(which, name, "ph_chi2", sep = "."), sprintf("%s.ph_test.%s.total.chi2.%s", endpoint, term, method), zph[name, 1], P)
      figure(paste(which, name, "ph_p", sep = "."), sprintf("%s.ph_test.%s.total.p.%s", endpoint, term, method), zph[name, 3], P)
    }
  }
  for (term in c("arm", covariates)) model(term, "cox_univariate", "univariate")
  model(c("arm", covariates), "cox_adjusted", "adjusted")
  breslow <- summary(coxph(y ~ arm, data, ties = "breslow", eps = 1e-12, toler.chol = 1e-14, iter.max = 100))
  at <- sprintf("sensitivity:breslow.%s..%s", endpoint, contrast)
  figure("breslow.arm.hr", paste0(at, ".hr.breslow"), breslow$coefficients[2], P)
  figure("breslow.arm.lower", paste0(at, ".lower.breslow"), breslow$conf.int[3], P)
  figure("breslow.arm.upper", paste0(at, ".upper.breslow"), breslow$conf.int[4], P)
  figure("breslow.arm.p", paste0(at, ".p.breslow"), breslow$coefficients[5], P)

  if (!is.null(cause)) {  # 0 censored, 1 the event, 2 competing: Aalen and Johansen by multi-state survfit, Gray by cmprsk
    for (k in 1:2) {
      mine <- group(k)
      s <- paste0("incidence.", c("experimental", "reference")[k])
      figure(paste0(s, ".competing.n"), sprintf("%s.competing..%s.n.", endpoint, arms[k]), sum(cause[mine] == 2), 0)
      fit <- survfit(Surv(data$time[mine], factor(cause[mine], 0:2)) ~ 1, conf.type = "log-log")
      for (of in 1:2) for (t in times) {
        at <- match(as.character(of), fit$states)
        i <- max(which(rowSums(fit$n.event) > 0 & fit$time <= t))
        where <- sprintf("%s.incidence%s.%.4f.%s", endpoint, c("", "_competing")[of], fit$time[i] / divisor, arms[k])
        one <- paste(s, c("event", "competing")[of], t, sep = ".")
        figure(one, paste0(where, ".estimate."), fit$pstate[i, at], P)
        figure(paste0(one, ".se"), paste0(where, ".se."), fit$std.err[i, at], P)
        if (is.na(fit$lower[i, at])) next  # the incidence is 0
        figure(paste0(one, ".lower"), paste0(where, ".lower.log-log"), fit$lower[i, at], P)
        figure(paste0(one, ".upper"), paste0(where, ".upper.log-log"), fit$upper[i, at], P)
      }
    }
    tests <- cmprsk::cuminc(data$time, cause, data$arm)$Tests
    for (of in 1:2) for (s in c("stat", "pv"))
      figure(paste("gray", c("event", "competing")[of], c(stat = "chi2", pv = "p")[s], sep = "."),
             sprintf("%s.gray%s..%s.%s.gray", endpoint, c("", "_competing")[of], contrast, c(stat = "chi2", pv = "p")[s]),
             tests[as.character(of), s], P)
  }

  for (name in covariates) {
    x <- data[[name]]
    at <- function(level, g, statistic) sprintf("baseline.%s.%s.%s.%s", name, level, g, statistic)
    for (k in 1:2) {
      s <- paste0("baseline.", name, ".", c("experimental", "reference")[k])
      mine <- x[group(k)]
      if (is.factor(x)) for (l in levels(x)) figure(paste0(s, ".", l), at(l, arms[k], "count."), sum(mine == l), 0)
      else {
        figure(paste0(s, ".mean"), at("", arms[k], "mean."), mean(mine))
        figure(paste0(s, ".sd"), at("", arms[k], "sd."), sd(mine))
        q <- quantile(mine, c(.25, .5, .75))
        for (i in 1:3) figure(paste0(s, c(".q1", ".median", ".q3")[i]), at("", arms[k], c("q1.", "median.", "q3.")[i]), q[i])
      }
    }
    if (is.factor(x)) figure(paste0("baseline.", name, ".p"), at("", contrast, "p.chi2"),
                             chisq.test(data$arm, x, correct = FALSE)$p.value, P)
    else if (name == "age") figure(paste0("baseline.", name, ".p"), at("", contrast, "p.t_welch"),
                                   t.test(x ~ data$arm)$p.value, P)
    else figure(paste0("baseline.", name, ".p"), at("", contrast, "p.mann_whitney"),
                suppressWarnings(wilcox.test(x ~ data$arm, exact = FALSE, correct = FALSE))$p.value, P)
  }
  lines <- vapply(figures, function(f) sprintf('  {"id": "%s", "printed": "%.*f", "recomputed": %.12g, "status": "match"}',
                                               f$id, as.integer(f$places), f$value, f$value), "")
  how <- sprintf("printed is what R %s with survival %s gives (tests/golden/trials.R), not a publication's figure",
                 getRversion(), packageVersion("survival"))
  writeLines(c(sprintf('{"how": "%s",', how), ' "figures": [', paste0(lines, collapse = ",\n"), " ]}"),
             file.path("studies", study, "expected.json"))
  mapped <- vapply(figures, function(f) sprintf('"%s" = "%s"', f$id, f$result), "")
  writeLines(c("# Which result stands for which figure of expected.json. Written by tests/golden/trials.R.", "", "[figure]", mapped),
             file.path("studies", study, "figures.toml"))
}

g <- gbsg
trial("gbsg2", "RFS", data.frame(
  time = g$rfstime, event = g$status, arm = g$hormon, age = g$age,
  menopausal_state = factor(g$meno, 0:1, c("pre", "post")), tumour_size = g$size,
  tumour_grade = factor(g$grade, 1:3, c("I", "II", "III")), positive_nodes = g$nodes,
  progesterone_receptor = g$pgr, oestrogen_receptor = g$er
), c("Hormonal therapy", "No hormonal therapy"),
c("age", "menopausal_state", "tumour_size", "tumour_grade", "positive_nodes", "progesterone_receptor", "oestrogen_receptor"),
30.4375, c(365, 1095, 1825))

v <- veteran
trial("veteran", "OS", data.frame(
  time = v$time, event = v$status, arm = v$trt - 1, age = v$age, cell_type = v$celltype, karnofsky = v$karno,
  months_from_diagnosis = v$diagtime, prior_therapy = factor(v$prior, c(0, 10), c("no", "yes"))
), c("Test chemotherapy", "Standard chemotherapy"),
c("age", "cell_type", "karnofsky", "months_from_diagnosis", "prior_therapy"), 1, c(30, 90, 180))

p <- subset(pbc, !is.na(trt))  # the randomised
trial("pbc", "DEATH", data.frame(
  time = p$time, event = as.integer(p$status == 2), arm = 2 - p$trt, age = floor(p$age),
  sex = factor(p$sex, c("f", "m"), c("female", "male")), bilirubin = p$bili, albumin = p$albumin,
  prothrombin_time = p$protime, oedema = factor(p$edema, c(0, 0.5, 1), c("none", "slight", "marked"))
), c("D-penicillamine", "Placebo"), c("age", "sex", "bilirubin", "albumin", "prothrombin_time", "oedema"), 365.25,
c(730, 1826, 3287), cause = c(0, 2, 1)[p$status + 1])

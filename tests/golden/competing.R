# Cumulative incidence by survival's multi-state survfit, Gray's test by cmprsk (Debian r-cran-cmprsk).
# From the repository root: Rscript tests/golden/competing.R
suppressMessages(library(survival))
suppressMessages(library(cmprsk))
source("tests/golden/write_json.R")

curve <- function(time, cause) {
  out <- list()
  for (type in c("log", "log-log", "plain")) {
    fit <- survfit(Surv(time, factor(cause, 0:2)) ~ 1, conf.type = type)
    out$time <- fit$time
    for (k in 1:2) {
      name <- c("event", "competing")[k]
      at <- match(as.character(k), fit$states)
      out[[name]]$estimate <- fit$pstate[, at]
      out[[name]]$se <- fit$std.err[, at]
      out[[name]][[type]] <- list(lower = fit$lower[, at], upper = fit$upper[, at])
    }
  }
  out
}

case <- function(name, time, cause, group, gray = TRUE) {
  group <- as.integer(group)
  out <- list(name = name, time = time, cause = as.integer(cause), group = group)
  out$curves <- lapply(sort(unique(group)), function(g) curve(time[group == g], cause[group == g]))
  if (gray) {
    tests <- cuminc(time, cause, group)$Tests
    out$gray <- list(chi2 = unname(tests[, "stat"]), p = unname(tests[, "pv"]))
  }
  out
}

set.seed(4)
n <- 150
first <- ceiling(rexp(n, 1 / 20)); second <- ceiling(rexp(n, 1 / 35)); end <- ceiling(runif(n, 5, 60))
many <- pmin(first, second, end)
which <- ifelse(many == end, 0, ifelse(first <= second, 1, 2))
m <- mgus2
m$time <- with(m, ifelse(pstat == 0, futime, ptime))
m$cause <- with(m, ifelse(pstat == 0, 2 * death, 1))
sets <- list(
  case("three groups with ties", many, which, rep(1:3, 50)),
  case("two groups with ties", many[1:60], which[1:60], rep(1:2, 30)),
  case("mgus2, sex", m$time, m$cause, m$sex == "M"),
  case("few", c(1, 2, 2, 3, 4, 5, 6, 7), c(1, 2, 1, 0, 1, 2, 0, 1), rep(0:1, each = 4)),
  case("one group ends early", c(1, 2, 3, 3, 2, 5, 6, 7, 8, 9), c(1, 2, 1, 1, 1, 2, 1, 2, 0, 1), rep(0:1, c(4, 6))),
  case("no competing event in one group", c(1, 2, 4, 6, 7, 1, 3, 3, 5, 8), c(1, 1, 0, 1, 0, 2, 1, 2, 1, 0), rep(0:1, each = 5))
)
writeLines(json(list(made_with = versions("survival", "cmprsk"), sets = sets)), "tests/golden/competing.json")

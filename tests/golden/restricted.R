# Golden values of survival at landmarks and of restricted means. From the repository root: Rscript tests/golden/restricted.R
suppressMessages(library(survival))
source("tests/golden/write_json.R")

arm <- function(time, event, taus) {
  fit <- survfit(Surv(time, event) ~ 1)
  area <- lapply(taus, function(tau) {
    table <- survival:::survmean(fit, rmean = tau)$matrix
    unname(table[c("rmean", "se(rmean)")])
  })
  at <- lapply(c("log-log", "log", "plain"), function(type) {
    s <- summary(survfit(Surv(time, event) ~ 1, conf.type = type), times = taus, extend = TRUE)
    list(survival = s$surv, se = s$std.err, lower = s$lower, upper = s$upper)
  })
  names(at) <- c("log-log", "log", "plain")
  list(area = area, at = at)
}

case <- function(name, time, event, group, taus) {
  group <- as.integer(group)
  list(name = name, time = time, event = as.integer(event), group = group, taus = taus,
       arms = lapply(sort(unique(group)), function(g) arm(time[group == g], event[group == g], taus)))
}

li <- read.csv("studies/li2023/cohort.csv")
g <- gbsg
sets <- list(
  case("li2023 PFS", li$pfs_days, li$pfs_event, li$arm == "DEB-TACE", c(60, 182.625, 212, 365.25)),
  case("li2023 OS", li$os_days, li$os_event, li$arm == "DEB-TACE", c(60, 182.625, 365.25)),
  case("veteran", veteran$time, veteran$status, veteran$trt, c(30, 100, 365, 500)),
  case("veteran, months", round(veteran$time / 30), veteran$status, veteran$trt, c(1, 3, 7.5, 12)),
  case("gbsg", g$rfstime, g$status, g$hormon, c(365.25, 730.5, 1826.25)),
  case("ovarian", ovarian$futime, ovarian$fustat, ovarian$rx, c(100, 400, 700)),
  case("events on day zero", c(0, 0, 3, 5, 0, 4, 6, 9), c(1, 0, 1, 0, 1, 1, 0, 1), rep(0:1, each = 4), c(2, 4, 5)),
  case("all tied", rep(5, 8), rep(1, 8), rep(0:1, each = 4), c(3, 5))
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/restricted.json")

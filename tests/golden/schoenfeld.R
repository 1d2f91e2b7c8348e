# Golden values of scaled Schoenfeld residuals. From the repository root: Rscript tests/golden/schoenfeld.R
suppressMessages(library(survival))
source("tests/golden/write_json.R")

case <- function(name, time, event, x) {
  x <- as.matrix(x)
  out <- list(name = name, time = time, event = as.integer(event), x = lapply(seq_len(nrow(x)), function(i) unname(x[i, ])))
  for (ties in c("efron", "breslow")) {
    fit <- coxph(Surv(time, event) ~ x, ties = ties, eps = 1e-12, toler.chol = 1e-14, iter.max = 100)
    zph <- cox.zph(fit, transform = "km", terms = FALSE)
    out[[ties]] <- list(time = zph$time, g = zph$x, y = lapply(seq_len(nrow(zph$y)), function(i) unname(zph$y[i, ])))
  }
  out
}

li <- read.csv("studies/li2023/cohort.csv")
ve <- veteran
sets <- list(
  case("li2023 PFS", li$pfs_days, li$pfs_event, (li$arm == "DEB-TACE") * 1),
  case("veteran", ve$time, ve$status, cbind(ve$trt - 1, ve$karno)),
  case("veteran, months", round(ve$time / 30), ve$status, cbind(ve$trt - 1, ve$karno)),
  case("ovarian", ovarian$futime, ovarian$fustat, cbind(ovarian$rx - 1, ovarian$age))
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/schoenfeld.json")

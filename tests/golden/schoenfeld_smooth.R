# Golden values of the smooth through scaled Schoenfeld residuals. From the repository root:
# Rscript tests/golden/schoenfeld_smooth.R
# survival's plot.cox.zph gives nothing back: the numbers are taken from the calls by which it draws its three lines.
suppressMessages(library(survival))
source("tests/golden/write_json.R")

drawn <- function(zph, i) {
  taken <- list()
  space <- new.env(parent = asNamespace("survival"))
  space$lines <- function(x, y, ...) taken[[length(taken) + 1]] <<- list(x = x, y = as.vector(y))
  space$plot <- space$points <- space$axis <- function(...) NULL
  draw <- survival:::plot.cox.zph
  environment(draw) <- space
  draw(zph, var = i)
  list(x = taken[[1]]$x, y = taken[[1]]$y, upper = taken[[2]]$y, lower = taken[[3]]$y)
}

case <- function(name, time, event, x) {
  x <- as.matrix(x)
  fit <- coxph(Surv(time, event) ~ x, ties = "efron", eps = 1e-12, toler.chol = 1e-14, iter.max = 100)
  zph <- cox.zph(fit, transform = "km", terms = FALSE)
  lines <- lapply(seq_len(ncol(x)), function(i) c(
    list(residual = zph$y[, i], variance = fit$var[i, i]), drawn(zph, i)))
  list(name = name, g = zph$x, lines = lines)
}

li <- read.csv("studies/li2023/cohort.csv")
ve <- veteran
sets <- list(
  case("li2023 PFS", li$pfs_days, li$pfs_event, (li$arm == "DEB-TACE") * 1),
  case("veteran", ve$time, ve$status, cbind(ve$trt - 1, ve$karno)),
  case("ovarian", ovarian$futime, ovarian$fustat, cbind(ovarian$rx - 1, ovarian$age))
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/schoenfeld_smooth.json")

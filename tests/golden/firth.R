# Firth's penalised Cox model by R's general optimisers. From the repository root: Rscript tests/golden/firth.R
# No Debian package fits it. Log-likelihood and information are survival's, at given coefficients (iter.max = 0); what is
# maximised, and where it has dropped by 1.92, is found here by optim and uniroot, without any derivative of the penalty.
suppressMessages(library(survival))
source("tests/golden/write_json.R")

penalised <- function(b, y, x, ties) {
  # A step of optim too far overflows: it is told that nothing is to be had there.
  at <- tryCatch(suppressWarnings(coxph(y ~ x, init = b, iter.max = 0, ties = ties)), error = function(e) NULL)
  if (is.null(at)) return(-1e10)
  value <- at$loglik[2] - 0.5 * as.numeric(determinant(as.matrix(at$var))$modulus)
  if (is.finite(value)) value else -1e10
}

largest <- function(start, held, y, x, ties) {
  free <- setdiff(seq_along(start), held)
  if (!length(free)) return(list(par = start, value = penalised(start, y, x, ties)))
  target <- function(f) { b <- start; b[free] <- f; -penalised(b, y, x, ties) }
  f <- start[free]
  for (k in 1:4) f <- optim(f, target, method = "BFGS", control = list(reltol = 1e-15, maxit = 1000, ndeps = rep(1e-4, length(f))))$par
  b <- start; b[free] <- f
  list(par = b, value = -target(f))
}

firth <- function(time, event, x, ties) {
  y <- Surv(time, event)
  s <- apply(x, 2, sd)
  z <- sweep(x, 2, s, "/")
  best <- largest(rep(0, ncol(x)), integer(), y, z, ties)
  limit <- function(j, side) {
    drop <- function(v) { b <- best$par; b[j] <- v; best$value - largest(b, j, y, z, ties)$value - qchisq(.95, 1) / 2 }
    far <- best$par[j] + side
    while (drop(far) < 0) far <- far + side
    uniroot(drop, sort(c(best$par[j], far)), tol = 1e-9)$root / s[j]
  }
  zero <- sapply(seq_len(ncol(x)), function(j) { b <- best$par; b[j] <- 0; largest(b, j, y, z, ties)$value })
  at <- coxph(y ~ x, init = best$par / s, iter.max = 0, ties = ties)
  list(coef = unname(best$par / s), se = unname(sqrt(diag(at$var))),
       lower = unname(sapply(seq_len(ncol(x)), limit, -1)), upper = unname(sapply(seq_len(ncol(x)), limit, 1)),
       p = unname(pchisq(2 * (best$value - zero), 1, lower.tail = FALSE)))
}

case <- function(name, time, event, x) {
  x <- as.matrix(x) * 1
  list(name = name, time = time, event = as.integer(event), x = lapply(seq_len(nrow(x)), function(i) unname(x[i, ])),
       efron = firth(time, event, x, "efron"), breslow = firth(time, event, x, "breslow"))
}

li <- read.csv("studies/li2023/cohort.csv")
lix <- with(li, cbind(arm == "DEB-TACE", age_years >= 60, child_pugh == "B"))
ov <- ovarian
sets <- list(
  case("three in order", 1:3, c(1, 1, 1), c(1, 1, 0)),
  case("no events in one arm", c(5, 6, 7, 8, 9, 2, 3, 4, 5, 6), rep(0:1, each = 5), rep(0:1, each = 5)),
  case("monotone with ties", c(1, 1, 2, 2, 3, 4, 5, 6, 6, 8), c(1, 1, 1, 1, 0, 1, 0, 1, 1, 0),
       cbind(c(1, 1, 1, 1, 1, 0, 0, 0, 0, 0), c(0, 1, 1, 0, 1, 0, 1, 0, 1, 1))),
  case("li2023 PFS", li$pfs_days, li$pfs_event, lix),
  case("li2023 OS treatment", li$os_days, li$os_event, lix[, 1, drop = FALSE]),
  case("ovarian", ov$futime, ov$fustat, cbind(ov$rx - 1, ov$age, ov$resid.ds - 1))
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/firth.json")

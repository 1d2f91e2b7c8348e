# Golden values of kappa (vcd) and of the Cochran-Mantel-Haenszel analysis (base R, metafor).
# From the repository root: Rscript tests/golden/agreement.R
source("tests/golden/write_json.R")
suppressMessages({library(vcd); library(metafor)})
tables <- list(c(4, 1, 0, 0, 1, 12, 3, 0, 0, 2, 20, 2, 0, 0, 1, 9), c(10, 5, 1, 0, 4, 8, 6, 2, 1, 5, 15, 7, 0, 1, 6, 11),
               c(5, 0, 0, 0, 0, 7, 0, 0, 0, 0, 9, 0, 0, 0, 0, 3), c(1, 6, 0, 2, 5, 0, 3, 1, 0, 4, 1, 6, 3, 0, 5, 0),
               c(20, 5, 10, 15))
kappas <- lapply(tables, function(v) {
  k <- sqrt(length(v)); m <- matrix(v, k, byrow = TRUE)
  linear <- Kappa(m, weights = "Equal-Spacing"); quadratic <- Kappa(m, weights = "Fleiss-Cohen")
  one <- function(x) as.numeric(c(x[1], x[2]))
  list(counts = v, unweighted = one(linear$Unweighted), linear = one(linear$Weighted), quadratic = one(quadratic$Weighted))
})
# Each stratum: x1, n1, x2, n2 (experimental, then reference).
strata <- list(list(c(9, 11, 6, 11), c(12, 20, 7, 19)), list(c(4, 11, 2, 11), c(3, 9, 5, 12), c(14, 30, 6, 25)),
               list(c(0, 4, 2, 5), c(3, 6, 1, 7)), list(c(5, 10, 5, 10), c(2, 8, 2, 8)), list(c(1, 1, 0, 1), c(7, 12, 3, 12)))
cmh <- lapply(strata, function(s) {
  a <- array(unlist(lapply(s, function(v) c(v[1], v[3], v[2] - v[1], v[4] - v[3]))), c(2, 2, length(s)))
  t <- mantelhaen.test(a, correct = FALSE); f <- do.call(rbind, s)
  rd <- rma.mh(measure = "RD", ai = f[, 1], n1i = f[, 2], ci = f[, 3], n2i = f[, 4])
  list(strata = s, statistic = as.numeric(t$statistic), p = t$p.value, odds_ratio = as.numeric(t$estimate),
       limits = as.numeric(t$conf.int), difference = c(as.numeric(rd$beta), rd$ci.lb, rd$ci.ub))
})
writeLines(json(list(made_with = versions("vcd", "metafor"), kappa = kappas, cmh = cmh)), "tests/golden/agreement.json")

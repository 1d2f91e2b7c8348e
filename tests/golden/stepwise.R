# Stepwise choice in Cox models, each test by R's survival, step by step. From the repository root:
# Rscript tests/golden/stepwise.R
suppressMessages(library(survival))
source("tests/golden/write_json.R")
source("tests/golden/stepwise_choice.R")
options(warn = -1)

set <- function(name, time, event, x, terms) {
  d <- list(y = Surv(time, event), x = as.matrix(x) * 1, terms = terms)
  runs <- list()
  for (direction in c("forward", "backward")) for (enter in c("score", "lr", "wald")) for (remove in c("score", "lr", "wald"))
    for (p in list(c(.05, .1), c(.3, .35)))
      runs <- c(runs, list(choose(d, direction, enter, remove, p[1], p[2])))
  list(name = name, time = time, event = as.integer(event), x = lapply(seq_len(nrow(d$x)), function(i) unname(d$x[i, ])),
       terms = lapply(terms, function(k) k - 1), runs = runs)
}

lu <- na.omit(lung[, c("time", "status", "sex", "age", "ph.ecog", "ph.karno", "pat.karno", "wt.loss")])
ve <- veteran
# x tells what a and b tell together, less well: it enters first and leaves once both are in.
set.seed(1)
a <- round(rnorm(120), 2); b <- round(rnorm(120), 2); x <- round(a + b + rnorm(120, sd = 0.7), 2); noise <- round(rnorm(120), 2)
late <- round(rexp(120, exp(a + b)), 3)
sets <- list(
  set("lung", lu$time, lu$status - 1, lu[, 3:8], list(sex = 1, age = 2, ecog = 3, karno = 4, own = 5, loss = 6)),
  set("veteran", ve$time, ve$status, with(ve, cbind(trt - 1, karno, age, diagtime, celltype == "smallcell",
      celltype == "adeno", celltype == "large", prior)), list(trt = 1, karno = 2, age = 3, diag = 4, cell = 5:7, prior = 8)),
  set("one tells what two tell", late, late < 3, cbind(a, b, x, noise), list(a = 1, b = 2, x = 3, noise = 4))
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/stepwise.json")

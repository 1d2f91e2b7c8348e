# Stepwise choice in Cox models, each test by R's survival, step by step. From the repository root:
# Rscript tests/golden/stepwise.R
suppressMessages(library(survival))
source("tests/golden/write_json.R")
options(warn = -1)

columns <- function(terms, m) unlist(terms[m])
fit <- function(d, m, ...) {
  if (!length(m)) return(NULL)
  x <- d$x[, columns(d$terms, m), drop = FALSE]
  coxph(d$y ~ x, ties = "efron", eps = 1e-12, toler.chol = 1e-14, ...)
}
upper <- function(chi2, df) pchisq(chi2, df, lower.tail = FALSE)

# P of the term beside the others: what adding it to them gains (score, lr), or its coefficients in the model of all (wald).
test <- function(d, others, term, how) {
  df <- length(d$terms[[term]])
  small <- fit(d, others)
  if (how == "score") {
    at <- fit(d, c(others, term), init = c(if (length(others)) coef(small), rep(0, df)), iter.max = 0)
    return(upper(at$score, df))
  }
  large <- fit(d, c(others, term), iter.max = 100)
  if (how == "lr") {
    without <- if (length(others)) small$loglik[2] else large$loglik[1]
    return(upper(2 * (large$loglik[2] - without), df))
  }
  own <- length(coef(large)) - df + seq_len(df)
  b <- coef(large)[own]
  upper(sum(b * solve(vcov(large)[own, own], b)), df)
}

choose <- function(d, direction, enter, remove, p_in, p_out) {
  all <- names(d$terms)
  model <- if (direction == "backward") all else character()
  seen <- list(sort(model)); steps <- list()
  took <- function(what, term, p) steps[[length(steps) + 1]] <<- list(what = what, term = term, p = p)
  shrink <- function() while (length(model)) {
    p <- sapply(model, function(t) test(d, setdiff(model, t), t, remove))
    if (max(p) <= p_out) break
    out <- model[which.max(p)]
    took("removed", out, max(p)); model <<- setdiff(model, out)
  }
  if (direction == "backward") { shrink(); seen <- c(seen, list(sort(model))) }
  repeat {
    left <- setdiff(all, model)
    if (!length(left)) break
    p <- sapply(left, function(t) test(d, model, t, enter))
    if (min(p) >= p_in) break
    took("entered", left[which.min(p)], min(p)); model <- c(model, left[which.min(p)])
    shrink()
    if (list(sort(model)) %in% seen) break
    seen <- c(seen, list(sort(model)))
  }
  list(direction = direction, enter = enter, remove = remove, p_in = p_in, p_out = p_out, chosen = sort(model), steps = steps)
}

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

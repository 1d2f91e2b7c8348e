# A stepwise choice in Cox models, each test by R's survival, step by step (stepwise.R, bootstrap.R).
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

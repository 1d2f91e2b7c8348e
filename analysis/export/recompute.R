# The figures. What stands above says which: study, arms, covariates, endpoints and conventions as the study file has them.
suppressMessages(library(survival))

# Everything as text: R would take a level "T" for a truth value and "01" for a number.
read <- function(name) read.csv(file.path(here, name), na.strings = "", colClasses = "character", check.names = FALSE,
                                encoding = "UTF-8")
adsl <- read("adsl.csv")
adsl <- adsl[adsl$ANL01FL == "Y", ]
adtte <- read("adtte.csv")
adtte$AVAL <- as.numeric(adtte$AVAL)
adtte$CNSR <- as.numeric(adtte$CNSR)
ours <- read("results.csv")
ours$value <- as.numeric(ours$value)
arm <- match(adsl$TRT01A, arms)
n_arms <- length(arms)
reference <- arms[n_arms]

figures <- new.env()
figures$id <- character(); figures$value <- numeric()
figure <- function(parameter, variable, level, group, statistic, method, value) {
  id <- paste(parameter, variable, level, group, statistic, method, sep = ".")
  figures$id <- c(figures$id, id)
  figures$value <- c(figures$value, if (length(value) == 1 && is.finite(value)) unname(value) else NA_real_)
}
quietly <- function(expression) tryCatch(suppressWarnings(expression), error = function(e) NULL)

# --- subjects, and response -------------------------------------------------------------------------------------------
for (k in seq_len(n_arms)) figure("flow", "analysed", "", arms[k], "n", "", sum(arm == k))

# Miettinen and Nurminen 1985 by direct search: the score statistic at the maximum-likelihood estimates under the constraint.
score <- function(x1, n1, x2, n2, delta) {
  term <- function(x, n, p) (if (x > 0) x / p else 0) - (if (n > x) (n - x) / (1 - p) else 0)
  slope <- function(p2) term(x1, n1, p2 + delta) + term(x2, n2, p2)
  lowest <- max(0, -delta); highest <- min(1, 1 - delta); gap <- (highest - lowest) * 1e-13
  at <- c(lowest + gap, highest - gap)
  p2 <- if (slope(at[1]) <= 0) lowest else if (slope(at[2]) >= 0) highest
        else uniroot(slope, at, tol = 1e-15, maxiter = 10000)$root
  p1 <- min(max(p2 + delta, 0), 1); p2 <- min(max(p2, 0), 1)
  variance <- (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * (n1 + n2) / (n1 + n2 - 1)
  (x1 / n1 - x2 / n2 - delta) / sqrt(variance)
}
miettinen_nurminen <- function(x1, n1, x2, n2) {
  d <- x1 / n1 - x2 / n2
  excess <- function(delta) { z <- score(x1, n1, x2, n2, delta); if (is.nan(z)) -1 else z^2 - qchisq(0.95, 1) }
  edge <- 1 - 1e-9
  limit <- function(side) {
    if (side * d >= edge || excess(side * edge) <= 0) return(side)
    uniroot(excess, sort(c(d, side * edge)), tol = 1e-14, maxiter = 10000)$root
  }
  c(difference = d, lower = limit(-1), upper = limit(1))
}

if (!is.null(response)) {
  adrs <- read("adrs.csv")
  best <- adrs[adrs$PARAMCD == "BOR", ]
  best <- best$AVALC[match(adsl$USUBJID, best$USUBJID)]
  counted <- if (response$not_evaluable == "exclude") best %in% response$order else rep(TRUE, length(best))
  for (rate in c("orr", "dcr")) {
    hit <- best %in% response[[rate]]
    x <- vapply(seq_len(n_arms), function(k) sum(hit & counted & arm == k), 0)
    n <- vapply(seq_len(n_arms), function(k) sum(counted & arm == k), 0)
    for (k in seq_len(n_arms)) {
      put <- function(statistic, method, value) figure("response", rate, "", arms[k], statistic, method, value)
      put("count", "", x[k])
      put("percent", "", 100 * x[k] / n[k])
      limits <- if (n[k] > 0) 100 * binom.test(x[k], n[k])$conf.int else c(NA, NA)
      put("lower", "clopper_pearson", limits[1])
      put("upper", "clopper_pearson", limits[2])
    }
    for (k in seq_len(n_arms - 1)) {
      pair <- c(k, n_arms)
      put <- function(statistic, method, value)
        figure("response", rate, "", paste(arms[k], "vs", reference), statistic, method, value)
      two <- rbind(x[pair], n[pair] - x[pair])
      empty <- any(rowSums(two) == 0) || any(colSums(two) == 0)
      put("p", "fisher", if (empty) NA else fisher.test(two)$p.value)
      put("p", "pearson", if (empty) NA else suppressWarnings(chisq.test(two, correct = FALSE)$p.value))
      limits <- if (all(n[pair] > 0)) 100 * miettinen_nurminen(x[k], n[k], x[n_arms], n[n_arms])
                else c(difference = NA, lower = NA, upper = NA)
      for (s in names(limits)) put(s, "miettinen_nurminen", limits[[s]])
    }
  }
}

# --- times ------------------------------------------------------------------------------------------------------------
same <- 1e-9
crossing <- function(time, line, middle) {  # first time at which a line is at 0.5 or below; R's rule takes a plateau's middle
  at <- which(!is.na(line) & line <= 0.5 + same)
  if (length(at) == 0) return(NA)
  first <- at[1]
  below <- which(!is.na(line) & line < 0.5 - same)
  if (middle && abs(line[first] - 0.5) <= same && length(below) > 0) return((time[first] + time[below[1]]) / 2)
  time[first]
}
spss <- function(fit) {
  event <- fit$n.event > 0; time <- fit$time; s <- fit$surv
  median <- crossing(time, s, FALSE)
  if (is.na(median)) return(c(NA, NA, NA))
  high <- which(event & s >= 0.55 - same); low <- which(event & s <= 0.45 + same)
  if (length(high) == 0 || length(low) == 0) return(c(median, NA, NA))
  u <- max(high); l <- min(low); at <- which(time == median)
  error <- s[at] * fit$std.err[at] / ((s[u] - s[l]) / (time[l] - time[u]))
  median + c(0, -1, 1) * qnorm(0.975) * error
}
medians <- function(endpoint, group, time, event) {
  for (m in medians_by) {
    fit <- survfit(Surv(time, event) ~ 1, conf.type = if (m$km_ci == "spss") "plain" else m$km_ci)
    if (m$km_ci == "spss") value <- spss(fit)
    # R's own answer where its rule is asked for.
    else if (m$middle) value <- summary(fit)$table[c("median", "0.95LCL", "0.95UCL")]
    else value <- c(crossing(fit$time, fit$surv, FALSE), crossing(fit$time, fit$lower, FALSE), crossing(fit$time, fit$upper, FALSE))
    for (i in 1:3) figure(endpoint, "median", "", group, c("estimate", "lower", "upper")[i], m$method, value[i] / days)
  }
}

terms_of <- function() {  # one data frame a term; the names of its columns are the levels of the results
  treatment <- as.data.frame(lapply(seq_len(n_arms - 1), function(k) as.numeric(arm == k)))
  names(treatment) <- paste0("treatment=", arms[-n_arms])
  found <- list(treatment = treatment)
  for (v in covariates) {
    if (v$how == "levels" && length(v$levels) < 2) next  # one level makes no column
    x <- adsl[[v$column]]
    if (v$how == "numbers") found[[v$id]] <- setNames(data.frame(as.numeric(x)), v$id)
    else {
      place <- match(as.character(x), v$levels)
      if (v$how == "scores") {
        numbers <- suppressWarnings(as.numeric(v$levels))
        scores <- if (anyNA(numbers)) seq_along(v$levels) - 1 else numbers
        found[[v$id]] <- setNames(data.frame(scores[place]), v$id)
      } else {
        columns <- as.data.frame(lapply(seq_along(v$levels)[-1], function(k) as.numeric(place == k)))
        found[[v$id]] <- setNames(columns, paste0(v$id, "=", v$levels[-1]))
      }
    }
  }
  found
}
terms <- terms_of()

model <- function(endpoint, variable, names_, times, use, ties, main) {
  chosen <- terms[names_]
  keep <- use & complete.cases(do.call(cbind, unname(chosen)))
  x <- lapply(chosen, function(term) as.matrix(term[keep, , drop = FALSE]))
  varies <- lapply(x, function(m) apply(m, 2, function(column) length(unique(column)) > 1))
  y <- Surv(times$AVAL[keep], times$CNSR[keep] == 0)
  used <- Filter(function(m) ncol(m) > 0, Map(function(m, v) m[, v, drop = FALSE], x, varies))
  fit <- zph <- NULL
  if (length(used) > 0) {
    data <- list(y = y)
    for (i in seq_along(used)) data[[paste0("x", i)]] <- unname(used[[i]])
    fit <- quietly(coxph(reformulate(paste0("x", seq_along(used)), "y"), data, ties = ties,
                         control = coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100)))
    if (!is.null(fit)) zph <- quietly(cox.zph(fit, transform = "km")$table)
  }
  names_used <- unlist(lapply(used, colnames), use.names = FALSE)
  for (term in names_) for (level in colnames(x[[term]])) {
    group <- if (term == "treatment") paste(substring(level, nchar("treatment=") + 1), "vs", reference) else "total"
    put <- function(statistic, method, value) figure(endpoint, variable, level, group, statistic, method, value)
    at <- match(level, names_used)
    b <- if (is.null(fit) || is.na(at)) NA else coef(fit)[at]
    se <- if (is.na(b)) NA else sqrt(vcov(fit)[at, at])
    z <- qnorm(0.975)
    put("coef", ties, b); put("se", ties, se); put("hr", ties, exp(b)); put("lower", ties, exp(b - z * se))
    put("upper", ties, exp(b + z * se)); put("p", ties, pchisq((b / se)^2, 1, lower.tail = FALSE))
    if (main) { put("n", "", sum(keep)); put("events", "", sum(y[, 2])) }
  }
  if (!main) return(invisible())
  method <- if (variable == "cox_adjusted") "score_km_adjusted" else "score_km"
  tested <- c(if (length(used)) names(used) else names_, if (variable == "cox_adjusted") "global")
  for (term in tested) {
    row <- if (is.null(zph)) c(NA, NA, NA)
           else zph[if (term == "global") "GLOBAL" else paste0("x", match(term, names(used))), ]
    figure(endpoint, "ph_test", term, "total", "chi2", method, row[1])
    figure(endpoint, "ph_test", term, "total", "p", method, row[3])
  }
}

for (endpoint in endpoints) {
  rows <- adtte[adtte$PARAMCD == endpoint, ]
  times <- rows[match(adsl$USUBJID, rows$USUBJID), c("AVAL", "CNSR")]
  use <- !is.na(times$AVAL) & times$AVAL >= 0 & !is.na(times$CNSR)
  event <- times$CNSR == 0
  everyone <- c(setNames(as.list(seq_len(n_arms)), arms), total = NA)
  for (group in names(everyone)) {
    mine <- use & (is.na(everyone[[group]]) | arm == everyone[[group]])
    figure(endpoint, "events", "", group, "n", "", sum(event[mine]))
    figure(endpoint, "censored", "", group, "n", "", sum(!event[mine]))
    if (any(mine)) medians(endpoint, group, times$AVAL[mine], event[mine])
  }
  log_rank <- function(mine, group) {
    test <- quietly(survdiff(Surv(times$AVAL[mine], event[mine]) ~ arm[mine]))
    # R says 0 where the statistic has no variance, so where nothing was compared.
    chi2 <- if (is.null(test) || !any(event[mine]) || max(abs(test$var)) < 1e-12) NA else test$chisq
    figure(endpoint, "logrank", "", group, "chi2", "logrank", chi2)
    figure(endpoint, "logrank", "", group, "p", "logrank", pchisq(chi2, length(unique(arm[mine])) - 1, lower.tail = FALSE))
  }
  for (k in seq_len(n_arms - 1)) log_rank(use & arm %in% c(k, n_arms), paste(arms[k], "vs", reference))
  if (n_arms > 2) log_rank(use, "total")
  for (ties in ties_by) {
    for (term in names(terms)) model(endpoint, "cox_univariate", term, times, use, ties, ties == ties_by[1])
    if (length(terms) > 1) model(endpoint, "cox_adjusted", names(terms), times, use, ties, ties == ties_by[1])
  }
}

# --- beside ours ------------------------------------------------------------------------------------------------------
here_ours <- ours$value[match(figures$id, ours$id)]
unknown <- !(figures$id %in% ours$id)
difference <- figures$value - here_ours
close <- abs(difference) <= tolerance * pmax(abs(figures$value), abs(here_ours)) | abs(difference) <= 1e-12
both <- !is.na(figures$value) & !is.na(here_ours)
neither <- is.na(figures$value) & is.na(here_ours) & !unknown
# Where a likelihood has no maximum R stops somewhere and says so in a warning; here there is NE and the reason.
ours_ne <- is.na(here_ours) & !unknown & !is.na(figures$value) & grepl("\\.(cox_[a-z]+|ph_test)\\.", figures$id)
verdict <- ifelse(both & close, "same", ifelse(neither, "both NE", ifelse(ours_ne, "NE here", "DIFFERS")))
text <- function(v) ifelse(is.na(v), "NE", format(v, digits = 10, trim = TRUE, scientific = NA))
shown <- function(v) vapply(v, function(one) text(one), "")
cat(paste("id", "ours", "R", "difference", "verdict", sep = "\t"), "\n", sep = "")
cat(paste(figures$id, shown(here_ours), shown(figures$value), shown(difference), verdict, sep = "\t"), sep = "\n")
cat(sprintf("%d figures of %s: %s (R %s, survival %s)\n", length(verdict), study,
            paste(sprintf("%d %s", table(verdict), names(table(verdict))), collapse = ", "),
            getRversion(), packageVersion("survival")))
if (any(verdict == "DIFFERS") || anyDuplicated(figures$id)) quit(status = 1)

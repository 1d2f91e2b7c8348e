# Bootstrap of stepwise choices: how often each term is chosen, and the optimism of Harrell's concordance. The resamples are
# written too, for the tests to take the same ones. From the repository root: Rscript tests/golden/bootstrap.R
suppressMessages(library(survival))
source("tests/golden/write_json.R")
source("tests/golden/stepwise_choice.R")
options(warn = -1)

# Linear predictor of the chosen model, fitted on d, for the subjects whose columns are x; 0 where nothing was chosen.
predictor <- function(d, chosen, x) {
  if (!length(chosen)) return(rep(0, nrow(x)))
  drop(x[, columns(d$terms, chosen), drop = FALSE] %*% coef(fit(d, chosen, iter.max = 100)))
}
harrell <- function(y, score) unname(concordance(y ~ score, reverse = TRUE)$concordance)

bootstrap <- function(d, samples, direction, enter, remove, p_in, p_out) {
  once <- function(data) {
    chosen <- choose(data, direction, enter, remove, p_in, p_out)$chosen
    list(chosen = chosen, here = harrell(data$y, predictor(data, chosen, data$x)),
         there = harrell(d$y, predictor(data, chosen, d$x)))
  }
  found <- lapply(samples, function(k) once(list(y = d$y[k], x = d$x[k, , drop = FALSE], terms = d$terms)))
  list(direction = direction, enter = enter, remove = remove, p_in = p_in, p_out = p_out,
       included = as.list(sapply(names(d$terms), function(t) sum(sapply(found, function(f) t %in% f$chosen)))),
       here = sapply(found, `[[`, "here"), there = sapply(found, `[[`, "there"),
       apparent = once(d)$here, optimism = mean(sapply(found, function(f) f$here - f$there)))
}

set <- function(name, time, event, x, terms, resamples) {
  d <- list(y = Surv(time, event), x = as.matrix(x) * 1, terms = terms)
  samples <- lapply(seq_len(resamples), function(i) sample.int(length(time), replace = TRUE))
  runs <- list()
  for (direction in c("forward", "backward")) for (how in list(c("score", "lr"), c("score", "wald"), c("lr", "score")))
    runs <- c(runs, list(bootstrap(d, samples, direction, how[1], how[2], .05, .1)))
  list(name = name, time = time, event = as.integer(event), x = lapply(seq_len(nrow(d$x)), function(i) unname(d$x[i, ])),
       terms = lapply(terms, function(k) k - 1), samples = lapply(samples, function(k) k - 1), runs = runs)
}

set.seed(1)
lu <- na.omit(lung[, c("time", "status", "sex", "age", "ph.ecog", "ph.karno", "pat.karno", "wt.loss")])
ve <- veteran
sets <- list(
  set("lung", lu$time, lu$status - 1, lu[, 3:8], list(sex = 1, age = 2, ecog = 3, karno = 4, own = 5, loss = 6), 25),
  set("veteran", ve$time, ve$status, with(ve, cbind(trt - 1, karno, age, diagtime, celltype == "smallcell",
      celltype == "adeno", celltype == "large", prior)), list(trt = 1, karno = 2, age = 3, diag = 4, cell = 5:7, prior = 8), 25)
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/bootstrap.json")

# Golden values of survival from a landmark by what had happened until then (Stanford's heart patients: a transplant as
# the response). From the repository root: Rscript tests/golden/response_landmark.R
suppressMessages(library(survival))
source("tests/golden/write_json.R")

at <- function(d, landmark, ties) {
  s <- d[d$time > landmark, ]
  s$left <- s$time - landmark
  s$good <- s$responded <= landmark
  fit <- coxph(Surv(left, event) ~ good, s, ties = ties, control = coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100))
  groups <- lapply(c(TRUE, FALSE), function(g) {
    t <- survfit(Surv(left, event) ~ 1, s[s$good == g, ], conf.type = "log-log")
    list(n = sum(s$good == g), events = sum(s$event[s$good == g]),
         # The first time at or below one half: no middle of a curve that rests there.
         median = min(t$time[t$surv <= 0.5 + 1e-9]))
  })
  ci <- exp(confint.default(fit))
  list(landmark = landmark, ties = ties, gone = sum(d$time <= landmark), hr = unname(exp(coef(fit))),
       lower = ci[1], upper = ci[2], responders = groups[[1]], others = groups[[2]])
}

h <- jasa[jasa$futime > 0, ]
d <- data.frame(time = h$futime, event = h$fustat, responded = ifelse(h$transplant == 1, h$wait.time, Inf))
found <- list()
for (ties in c("efron", "breslow")) for (l in c(10, 30, 60, 90)) found[[length(found) + 1]] <- at(d, l, ties)
writeLines(json(list(made_with = versions("survival"), time = d$time, event = d$event, responded = d$responded,
                     found = found)), "tests/golden/response_landmark.json")

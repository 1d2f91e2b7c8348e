# The main figures of the analysis table by R's survival alone; prints what it took as JSON.
# Rscript benchmarks/analysis/once.R OUT
suppressMessages(library(survival))
out <- commandArgs(trailingOnly = TRUE)[1]
steps <- list()
timed <- function(name, asked) {
  began <- proc.time()[["elapsed"]]
  made <- asked()
  steps[[name]] <<- proc.time()[["elapsed"]] - began
  made
}
d <- timed("read", function() read.csv(file.path(out, "design.csv"), check.names = TRUE))
y <- Surv(d$time, d$event)
fits <- timed("Kaplan-Meier", function() summary(survfit(y ~ arm, d, conf.type = "log-log"))$table)
test <- timed("log-rank", function() survdiff(y ~ arm, d))
alone <- timed("Cox, treatment alone", function() coxph(y ~ arm, d))
all <- timed("Cox, adjusted", function() coxph(y ~ ., d[, setdiff(names(d), c("time", "event"))]))
peak <- as.numeric(sub("[^0-9]*([0-9]+).*", "\\1", grep("^VmHWM", readLines("/proc/self/status"), value = TRUE))) * 1024
cat(sprintf('{"steps": {%s}, "subjects": %d, "hazard_ratio": %.15g, "peak_bytes": %.0f, "version": "%s.%s, survival %s"}\n',
            paste(sprintf('"%s": %.4f', names(steps), unlist(steps)), collapse = ", "),
            nrow(d), exp(coef(alone)[["arm"]]), peak, R.version$major, R.version$minor, packageVersion("survival")))

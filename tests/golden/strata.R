# Golden values within strata and of the sandwich variance. From the repository root: Rscript tests/golden/strata.R
suppressMessages(library(survival))
source("tests/golden/write_json.R")

case <- function(name, time, event, group, x, stratum, cluster) {
  y <- Surv(time, event)
  x <- as.matrix(x)
  test <- survdiff(y ~ group + strata(stratum))
  out <- list(name = name, time = time, event = as.integer(event), group = as.integer(group),
              x = lapply(seq_len(nrow(x)), function(i) unname(x[i, ])), stratum = as.integer(factor(stratum)),
              cluster = as.integer(factor(cluster)),
              logrank = list(chi2 = test$chisq, p = pchisq(test$chisq, 1, lower.tail = FALSE)))
  for (ties in c("efron", "breslow")) {
    control <- coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100)
    fit <- coxph(y ~ x + strata(stratum), ties = ties, control = control)
    by_cluster <- coxph(y ~ x + strata(stratum), ties = ties, control = control, cluster = cluster)
    alone <- coxph(y ~ x, ties = ties, control = control, robust = TRUE, cluster = seq_along(time))
    residuals <- as.matrix(residuals(fit, "score"))
    out[[ties]] <- list(coef = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))), loglik = fit$loglik,
                        residuals = lapply(seq_len(nrow(residuals)), function(i) unname(residuals[i, ])),
                        cluster_se = unname(sqrt(diag(vcov(by_cluster)))),
                        alone_coef = unname(coef(alone)), alone_se = unname(sqrt(diag(vcov(alone)))))
  }
  out
}

ve <- veteran
lu <- na.omit(lung[, c("time", "status", "sex", "age", "ph.ecog", "inst")])
ov <- ovarian
sets <- list(
  case("veteran by cell type", ve$time, ve$status, ve$trt == 2, cbind(ve$trt == 2, ve$karno), ve$celltype, ve$celltype),
  case("veteran, months", round(ve$time / 30), ve$status, ve$trt == 2, cbind(ve$trt == 2, ve$karno), ve$celltype, ve$prior),
  case("lung by institution", lu$time, lu$status - 1, lu$sex == 2, cbind(lu$sex == 2, lu$age), lu$inst, lu$inst),
  case("ovarian, treatment", ov$futime, ov$fustat, ov$rx == 2, ov$rx == 2, ov$resid.ds, ov$ecog.ps)
)
writeLines(json(list(made_with = versions("survival"), sets = sets)), "tests/golden/strata.json")

# Golden values of base R's tests of tables and ranks. From the repository root: Rscript tests/golden/tables.R
source("tests/golden/write_json.R")
quiet <- suppressWarnings
li <- read.csv("studies/li2023/cohort.csv")
counts <- list(c(4, 11, 2, 11), c(9, 11, 6, 11), c(0, 11, 0, 9), c(0, 5, 5, 5), c(3, 30, 17, 40), c(1, 1, 0, 1), c(50, 120, 33, 95))
two <- lapply(counts, function(v) {
  table <- matrix(c(v[1], v[2] - v[1], v[3], v[4] - v[3]), 2, byrow = TRUE)
  list(counts = v, fisher = fisher.test(table)$p.value, pearson = quiet(chisq.test(table, correct = FALSE)$p.value),
       exact = as.numeric(binom.test(v[1], v[2])$conf.int))
})
ranks <- list(list(c(1, 2, 2, 3, 4, 4), c(2, 3, 3, 4, 4, 4, 1)), list(c(1.5, 7, 3.25), c(9, 11, 4.5, 6)),
              list(li$ecog[li$arm == "DEB-TACE"], li$ecog[li$arm == "cTACE"]),
              list(li$lesion_size_cm[li$arm == "DEB-TACE"], li$lesion_size_cm[li$arm == "cTACE"]),
              list(li$age_years[li$arm == "DEB-TACE"], li$age_years[li$arm == "cTACE"]))
pairs <- lapply(ranks, function(v) list(first = v[[1]], second = v[[2]],
  mann_whitney = quiet(wilcox.test(v[[1]], v[[2]], exact = FALSE, correct = FALSE)$p.value),
  pooled = t.test(v[[1]], v[[2]], var.equal = TRUE)$p.value, welch = t.test(v[[1]], v[[2]])$p.value,
  quantiles = unname(quantile(c(v[[1]], v[[2]]), c(.25, .5, .75)))))
larger <- matrix(c(5, 9, 2, 0, 7, 3, 8, 0), 2, byrow = TRUE)
writeLines(json(list(made_with = versions(), two_by_two = two, pairs = pairs,
  larger = list(table = list(larger[1, ], larger[2, ]), pearson = quiet(chisq.test(larger[, 1:3], correct = FALSE)$p.value)))),
  "tests/golden/tables.json")

"""Writing what leaves an analysis in other forms: data sets as CSV, results as JSON and FHIR, data with an R script."""

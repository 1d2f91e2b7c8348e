"""What leaves an analysis in other forms than our own: the column dictionary, FHIR resources, an R script. Pure."""

"""FHIR to tables: ViewDefinitions, FHIRPath, code lists, units, partial dates. Values in, values out."""

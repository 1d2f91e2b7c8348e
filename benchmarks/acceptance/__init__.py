"""Measures acceptance: the quick judge beside fhir.resources, and the whole of `flows.acceptance.accept`."""

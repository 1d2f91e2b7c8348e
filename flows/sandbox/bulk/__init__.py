"""Bulk Data $export of the sandbox, after the Bulk Data Access guide, STU 2 (hl7.org/fhir/uv/bulkdata)."""

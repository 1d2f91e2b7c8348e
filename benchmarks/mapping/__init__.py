"""``make bench-mapping``: Bedside's views beside everything else that maps FHIR to rows, on the same files."""

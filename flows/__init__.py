"""The edge: FHIR client, landing, acceptance, sandbox, command line, Prefect flows."""

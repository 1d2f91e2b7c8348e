"""The FHIR client: search, retry, authentication, origins. It never imports Prefect."""

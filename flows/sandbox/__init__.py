"""A small FHIR R4 server on loopback, for trying study files and for tests. It is no production server."""

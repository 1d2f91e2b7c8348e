"""What is known of server software by its name in the CapabilityStatement (FHIR itself has no word for it)."""

from __future__ import annotations

# The largest page each takes, from its documentation. More is asked for than is given where it is set by whoever runs
# the server (HAPI); less where a larger number would be refused.
_LARGEST_PAGE = {
    "hapi": 500,
    "smile": 500,
    "azure": 1000,
    "google": 1000,
    "healthcare api": 1000,
    "healthlake": 100,
    "cerner": 200,
    "firely": 50,
    "vonk": 50,
    "blaze": 1000,
    "medplum": 1000,
}
USUAL = 500


def page_size(software: str) -> int:
    """How many resources to ask for on a page."""
    name = software.lower()
    return next((size for known, size in _LARGEST_PAGE.items() if known in name), USUAL)

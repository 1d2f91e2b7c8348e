"""Who is measured: a name, the module that runs it, and the environment it lives in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """``environment`` is a requirement file in ``peers/`` ("" is the project's own); ``kind``: limit, ours or peer."""

    name: str
    module: str
    title: str
    kind: str
    environment: str = ""


CONTENDERS = (
    Contender("plain-downloads", "plain_downloads", "plain parallel downloads", "limit"),
    Contender("bedside", "bedside_landing", "Bedside", "ours"),
    Contender("bedside-client", "bedside_client", "Bedside's client alone", "ours"),
    Contender("bedside-command", "bedside_command", "Bedside with acceptance", "ours"),
    Contender("smart-fetch", "smart_fetch_crawl", "smart-fetch", "peer", "smart-fetch"),
    Contender("fhir-pyrate", "pyrate_bundles", "FHIR-PYrate", "peer", "fhir-pyrate"),
    Contender("fhir-pyrate-processes", "pyrate_by_patient", "FHIR-PYrate, processes", "peer", "fhir-pyrate"),
    Contender("fhirpy", "fhirpy_sync", "fhirpy", "peer", "fhirpy"),
    Contender("fhirpy-async", "fhirpy_async", "fhirpy, async", "peer", "fhirpy"),
)

BY_NAME = {contender.name: contender for contender in CONTENDERS}

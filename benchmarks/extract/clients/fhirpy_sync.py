"""fhirpy, synchronous: iterating a search of each type in turn; each resource is written down as JSON."""

from __future__ import annotations

import json

from benchmarks.extract.asked import Asked

PACKAGES = ("fhirpy", "requests")


def fetch(asked: Asked) -> None:
    """Leave ``<Type>.ndjson``."""
    from fhirpy import SyncFHIRClient

    client = SyncFHIRClient(asked.base)
    for type_ in asked.types:
        with (asked.out / f"{type_}.ndjson").open("w", encoding="utf-8") as out:
            for resource in client.resources(type_).limit(asked.page_size):
                out.write(json.dumps(resource.serialize()) + "\n")

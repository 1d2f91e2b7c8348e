"""FHIR-PYrate: ``steal_bundles`` type by type, each resource of its Bundles written down as JSON; one process. It asks
for the first page twice, to sort it."""

from __future__ import annotations

import json
import warnings

from benchmarks.extract.asked import Asked

PACKAGES = ("fhir-pyrate", "requests")


def fetch(asked: Asked) -> None:
    """Leave ``<Type>.ndjson``."""
    from fhir_pyrate import Pirate

    warnings.simplefilter("ignore")
    pirate = Pirate(asked.base, auth=None, num_processes=1)
    for type_ in asked.types:
        with (asked.out / f"{type_}.ndjson").open("w", encoding="utf-8") as out:
            for bundle in pirate.steal_bundles(type_, {"_count": asked.page_size}):
                for entry in bundle.entry or ():
                    out.write(json.dumps(entry.resource, default=lambda part: part.__dict__) + "\n")

"""FHIR-PYrate in processes: ``trade_rows_for_bundles``, a request chain a patient, as many processes as cores; it is
given every patient's id. Each resource of its Bundles is written down as JSON."""

from __future__ import annotations

import json
import os
import warnings

from benchmarks.extract.asked import Asked

PACKAGES = ("fhir-pyrate", "requests", "pandas")


def fetch(asked: Asked) -> None:
    """Leave ``<Type>.ndjson``."""
    import pandas as pd
    from fhir_pyrate import Pirate

    warnings.simplefilter("ignore")
    pirate = Pirate(asked.base, auth=None, num_processes=len(os.sched_getaffinity(0)))
    patients = pd.DataFrame({"patient": asked.patients.read_text().split()})
    for type_ in asked.types:
        with (asked.out / f"{type_}.ndjson").open("w", encoding="utf-8") as out:
            if type_ == "Patient":
                bundles = pirate.steal_bundles(type_, {"_count": asked.page_size})
            else:
                bundles = pirate.trade_rows_for_bundles(
                    patients, type_, {"patient": "patient"}, {"_count": asked.page_size}
                )
            for bundle in bundles:
                for entry in bundle.entry or ():
                    out.write(json.dumps(entry.resource, default=lambda part: part.__dict__) + "\n")

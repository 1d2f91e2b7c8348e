"""FHIR-PYrate: ``bundles_to_dataframe`` on Bundles of 1,000 resources, without any server; one process.

With FHIR paths it makes one row a resource and no row a coding, and is about four times slower; so a processing
function, which is its other way, written by hand for each view.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

PACKAGES = ("fhir-pyrate", "pandas")
Records = dict[str, list[dict[str, Any]]]
_BUNDLE = 1000


@contextmanager
def started(view: dict[str, Any], _threads: int) -> Iterator[Callable[[str], Any]]:
    """A function from a file to a DataFrame."""
    from fhir_pyrate import Pirate
    from fhir_pyrate.util import FHIRObj

    # The address is needed to make a Pirate and never asked: Bundles come from the file.
    pirate = Pirate("http://localhost/fhir", auth=None, num_processes=1, disable_multiprocessing_build=True)
    processed = {"Observation": observations, "Patient": patients, "ImagingStudy": imaging_studies}[view["resource"]]

    def query(file: str) -> Any:
        with Path(file).open("rb") as lines:
            return pirate.bundles_to_dataframe(bundles(lines), process_function=processed)

    def bundles(lines: Iterator[bytes]) -> Iterator[Any]:
        while page := [{"resource": json.loads(line)} for line in islice(lines, _BUNDLE)]:
            yield FHIRObj(resourceType="Bundle", entry=page)

    yield query


def _key(resource: Any) -> str | None:
    reference = resource.subject.reference if resource.subject else None
    return reference.removeprefix("Patient/") if reference else None


def observations(bundle: Any) -> Records:
    made = []
    for entry in bundle.entry or ():
        resource, quantity = entry.resource, entry.resource.valueQuantity
        for coding in resource.code.coding or ():
            made.append(
                {
                    "id": resource.id,
                    "patient": _key(resource),
                    "status": resource.status,
                    "effective": resource.effectiveDateTime,
                    "value": quantity.value if quantity else None,
                    "unit": quantity.code if quantity else None,
                    "code_system": coding.system,
                    "code": coding.code,
                }
            )
    return {"Observation": made}


def patients(bundle: Any) -> Records:
    made = []
    for entry in bundle.entry or ():
        resource = entry.resource
        name = next((n for n in resource.name or () if n.use == "official"), None)
        made.append(
            {
                "id": resource.id,
                "gender": resource.gender,
                "birth_date": resource.birthDate,
                "active": resource.active,
                "family": name.family if name else None,
                "given": name.given[0] if name and name.given else None,
                "record_number": _with_system(resource.identifier, "http://hospital.smarthealthit.org"),
                "phone": _with_system(resource.telecom, "phone"),
                "city": resource.address[0].city if resource.address else None,
            }
        )
    return {"Patient": made}


def _with_system(items: list[Any] | None, system: str) -> str | None:
    return next((item.value for item in items or () if item.system == system), None)


def imaging_studies(bundle: Any) -> Records:
    made = []
    for entry in bundle.entry or ():
        resource = entry.resource
        for series in resource.series or ():
            first = series.instance[0] if series.instance else None
            made.append(
                {
                    "id": resource.id,
                    "patient": _key(resource),
                    "status": resource.status,
                    "started": resource.started,
                    "uid": series.uid,
                    "number": series.number,
                    "modality": series.modality.code if series.modality else None,
                    "body_site": series.bodySite.code if series.bodySite else None,
                    "sop_class": first.sopClass.code if first and first.sopClass else None,
                }
            )
    return {"ImagingStudy": made}


def count(result: Any) -> int:
    return len(result)


def rows(result: Any) -> list[dict[str, Any]]:
    return list(result.astype(object).where(result.notna(), None).to_dict("records"))

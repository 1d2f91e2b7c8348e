"""orjson and Python written by hand: a loop over lines that fills a list of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.mapping.engines.listed_form import Rows, count, rows

__all__ = ["PACKAGES", "count", "rows", "started"]

PACKAGES = ("orjson",)


@contextmanager
def started(view: dict[str, Any], _threads: int) -> Iterator[Callable[[str], Rows]]:
    """A function from a file to a list of rows; one thread, whatever is asked."""
    yield {"Observation": observations, "Patient": patients, "ImagingStudy": imaging_studies}[view["resource"]]


def _key(resource: dict[str, Any]) -> str | None:
    reference = resource.get("subject", {}).get("reference", "")
    return reference[8:] if reference.startswith("Patient/") else None


def observations(file: str) -> Rows:
    from orjson import loads

    made: Rows = []
    with Path(file).open("rb") as lines:
        for line in lines:
            resource = loads(line)
            quantity = resource.get("valueQuantity", {})
            for coding in resource["code"].get("coding", ()):
                made.append(
                    {
                        "id": resource["id"],
                        "patient": _key(resource),
                        "status": resource.get("status"),
                        "effective": resource.get("effectiveDateTime"),
                        "value": quantity.get("value"),
                        "unit": quantity.get("code"),
                        "code_system": coding.get("system"),
                        "code": coding.get("code"),
                    }
                )
    return made


def patients(file: str) -> Rows:
    from orjson import loads

    made: Rows = []
    with Path(file).open("rb") as lines:
        for line in lines:
            resource = loads(line)
            name: dict[str, Any] = next((n for n in resource.get("name", ()) if n.get("use") == "official"), {})
            address: dict[str, Any] = next(iter(resource.get("address", ())), {})
            made.append(
                {
                    "id": resource["id"],
                    "gender": resource.get("gender"),
                    "birth_date": resource.get("birthDate"),
                    "active": resource.get("active"),
                    "family": name.get("family"),
                    "given": next(iter(name.get("given", ())), None),
                    "record_number": _with_system(resource.get("identifier"), "http://hospital.smarthealthit.org"),
                    "phone": _with_system(resource.get("telecom"), "phone"),
                    "city": address.get("city"),
                }
            )
    return made


def _with_system(items: list[dict[str, Any]] | None, system: str) -> str | None:
    return next((item.get("value") for item in items or () if item.get("system") == system), None)


def imaging_studies(file: str) -> Rows:
    from orjson import loads

    made: Rows = []
    with Path(file).open("rb") as lines:
        for line in lines:
            resource = loads(line)
            for series in resource.get("series", ()):
                first: dict[str, Any] = next(iter(series.get("instance", ())), {})
                made.append(
                    {
                        "id": resource["id"],
                        "patient": _key(resource),
                        "status": resource.get("status"),
                        "started": resource.get("started"),
                        "uid": series.get("uid"),
                        "number": series.get("number"),
                        "modality": series.get("modality", {}).get("code"),
                        "body_site": series.get("bodySite", {}).get("code"),
                        "sop_class": first.get("sopClass", {}).get("code"),
                    }
                )
    return made

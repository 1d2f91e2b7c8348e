"""Where an engine could not read on. It says so without a line, or with a value, so the files are looked through.

Only after a failure, and slow beside the engines: about 100 MB a second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from flows.landing.folder import SourceFile
from flows.progress import Progress
from flows.viewing.files import lines_of
from mappings.errors import UnusableDataError
from mappings.read_schema import Need

_DIGITS = 20  # what a column of DECIMAL(38, 18) holds before the point


def name_fault(files: Sequence[SourceFile], type_: str, needs: Mapping[str, Need], progress: Progress) -> None:
    """Say which line is no resource, or has an element of another shape than a view reads it as.

    Raises:
        UnusableDataError: with file, line and element; nothing is raised where no fault is found.
    """
    for judge in (_fault, _name_twice):
        for done, file in enumerate(files):
            progress("looking for what cannot be read", done, len(files))
            for number, line in lines_of(file):
                found = judge(line, type_, needs)
                if found:
                    raise UnusableDataError(f"{file.label}, line {number}: {found}")


def _fault(line: bytes, type_: str, needs: Mapping[str, Need]) -> str:
    try:
        resource = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "no JSON"
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return "no FHIR resource"
    return misfit(resource, needs, type_) if resource["resourceType"] == type_ else ""


def misfit(found: Mapping[str, Any], needs: Mapping[str, Need], path: str) -> str:
    """The first element that has another shape than it is read as; empty where all fit."""
    for name, need in needs.items():
        value, at = found.get(name), f"{path}.{name}"
        if value is None:
            continue
        if need.many and not isinstance(value, list):
            return f"{at} is no list"
        for item in value if need.many else [value]:
            said = _item_misfit(item, need, at)
            if said:
                return said
    return ""


def _item_misfit(item: Any, need: Need, at: str) -> str:
    if item is None:
        return ""
    if need.inside:
        return misfit(item, dict(need.inside), at) if isinstance(item, dict) else f"{at} is no object"
    if need.stored == "boolean" and not isinstance(item, bool):
        return f"{at} is neither true nor false"
    if need.stored == "integer" and (isinstance(item, bool) or not isinstance(item, int) or abs(item) >= 1 << 63):
        return f"{at} is no whole number of 64 bits"
    return _decimal_misfit(item, at) if need.stored == "decimal" else ""


def _decimal_misfit(item: Any, at: str) -> str:
    try:
        number = Decimal("NaN") if isinstance(item, bool) else Decimal(str(item))
    except InvalidOperation:
        return f"{at} is no number"
    if not number.is_finite():
        return f"{at} is no number"
    return f"{at} has more than 20 digits before the point" if number and number.adjusted() >= _DIGITS else ""


def _name_twice(line: bytes, type_: str, needs: Mapping[str, Need]) -> str:
    """An element that is there twice in one object: an engine refuses it, and orjson takes the last."""
    del type_, needs
    found = False

    def once(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len({name for name, _ in pairs}) < len(pairs)

    json.loads(line, object_pairs_hook=once)
    return "an element is there twice in one object" if found else ""

"""Which values a person can have: limits by code and unit, read from ``checks/physiologic_ranges.toml``.

Limits are wide on purpose: what lies outside was typed or converted wrongly, whoever the patient is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mappings.code_systems import LOINC, normalise_system
from mappings.ucum import conversion


class Range(BaseModel):
    """Values of ``codes`` (LOINC) in ``unit`` (UCUM) lie in [low, high]; other units by their factor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    codes: tuple[str, ...] = Field(min_length=1)
    unit: str
    low: float
    high: float
    source: str


@cache
def ranges() -> tuple[Range, ...]:
    """Every range, in the order of the file."""
    text = files("expectations").joinpath("checks", "physiologic_ranges.toml").read_text(encoding="utf-8")
    return tuple(Range.model_validate(one) for one in tomllib.loads(text)["range"])


def codes() -> list[str]:
    """Every code that a range speaks of."""
    return sorted({code for one in ranges() for code in one.codes})


def limits(found: Iterable[tuple[str | None, str | None, str | None]]) -> list[tuple[str, str, str, float, float]]:
    """(system, code, unit, low, high) of those of the (system, code, unit) texts ``found`` that a range applies to."""
    made = []
    for system, code, unit in found:
        if system is None or code is None or unit is None or normalise_system(system) != LOINC:
            continue
        for one in ranges():
            factor = conversion(unit, one.unit).factor if code in one.codes else None
            if factor is not None:
                made.append((system, code, unit, one.low / factor, one.high / factor))
                break
    return made


def with_limits(rows: Any, found: list[tuple[str, str, str, float, float]], unit: str) -> Any:
    """``rows`` with the columns ``_low`` and ``_high``, null where no limit applies; ``unit`` is the unit's column."""
    import ibis
    import pyarrow as pa

    kinds = {"_system": pa.string(), "_code": pa.string(), "_unit": pa.string(), "_low": pa.float64()}
    schema = pa.schema({**kinds, "_high": pa.float64()})
    held = ibis.memtable(pa.Table.from_pylist([dict(zip(schema.names, one, strict=True)) for one in found], schema))
    on = [rows.code == held._code, rows.code_system == held._system, rows[unit] == held._unit]
    return rows.left_join(held, on).drop("_system", "_code", "_unit")

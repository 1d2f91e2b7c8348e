"""Counts of subjects and the rates they make, as a Measure and a MeasureReport of type summary (FHIR R4).

One ``group`` of the report is one thing counted: the flow, a level of a covariate or of the response, the events of an
endpoint. Its populations are of all subjects; the stratifier ``arm`` has them again for each arm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analysis.export.coded import BASE, RESULT, absent_extension, coded, quantity, reason_of
from analysis.study.exclusions import exclusion_reasons

if TYPE_CHECKING:
    from analysis.export.released import Released
    from analysis.study.model import Study

Row = dict[str, Any]
_POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
_TOTAL = "total"
_ENDPOINT_COUNTS = ("events", "censored", "unusable")
# What has a code in FHIR's own list of populations; the rest is coded by us.
_KNOWN = {
    "screened": ("initial-population", "Initial Population"),
    "excluded": ("denominator-exclusion", "Denominator Exclusion"),
    "analysed": ("denominator", "Denominator"),
    "events": ("numerator", "Numerator"),
    "count": ("numerator", "Numerator"),
}


@dataclass
class Counted:
    """One thing counted: its code, and by group of subjects the populations' rows and the row of the rate."""

    code: str
    text: str
    populations: dict[str, list[tuple[str, Row]]] = field(default_factory=dict)
    rates: dict[str, Row] = field(default_factory=dict)


def counted(study: Study, rows: Sequence[Row]) -> list[Counted]:
    """What of the results counts subjects, all or of an arm, or is the percentage beside a count; by thing counted.

    The flow comes first, in the order of its diagram, then covariates, response and endpoints in the study's order.
    """
    groups = {_TOTAL, *(arm.label for arm in study.arm)}
    labels = {endpoint.id: endpoint.label for endpoint in study.endpoint}
    found: dict[str, Counted] = {}
    for row in rows:
        place = _place(row, labels) if row["group"] in groups and not row["method"] else None
        if place is None:
            continue
        code, text, what = place
        one = found.setdefault(code, Counted(code, text))
        if what == "percent":
            one.rates[row["group"]] = row
        else:
            one.populations.setdefault(row["group"], []).append((what, row))
    # A rate without its counts has nothing to be the rate of.
    kept = [one for one in found.values() if one.populations]
    for one in kept:
        for populations in one.populations.values():
            populations.sort(key=lambda said: _place_in_flow(study, said[0]))
    return sorted(kept, key=lambda one: _at(_order(study), one.code))


def _at(order: Sequence[str], name: str) -> int:
    """The place of a name in an order, behind all where it has none."""
    return order.index(name) if name in order else len(order)


def _place_in_flow(study: Study, name: str) -> int:
    """The place of a population: of the flow in the order of its diagram, where reasons that the data bring (checks)
    come behind the study's own."""
    reasons, ends = ["screened", *exclusion_reasons(study)], ["excluded", "analysed"]
    return len(reasons) + 1 + ends.index(name) if name in ends else _at(reasons, name)


def _order(study: Study) -> list[str]:
    levels = [f"baseline.{name}.{level}" for name, rule in study.covariate.items() for level in rule.categories]
    best = [f"response.best.{level}" for level in (*(study.response.order if study.response else ()), "NE")]
    return ["flow", *levels, *best, "response.orr", "response.dcr", *(endpoint.id for endpoint in study.endpoint)]


def _place(row: Row, endpoints: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Code and text of what is counted, and which population or rate the row is; None for no count of subjects."""
    parameter, variable, level, statistic = row["parameter"], row["variable"], row["level"], row["statistic"]
    if parameter == "flow" and statistic == "n":
        return "flow", "Flow of subjects", variable
    if parameter in endpoints and variable in _ENDPOINT_COUNTS and statistic == "n":
        return parameter, endpoints[parameter], variable
    if parameter in ("baseline", "response") and statistic in ("count", "percent"):
        code = ".".join(part for part in (parameter, variable, level) if part)
        return code, " ".join(part for part in (parameter, variable, level) if part), statistic
    return None


def taken(found: Sequence[Counted]) -> set[str]:
    """Ids of the results that the report holds."""
    counts = {row["id"] for one in found for of in one.populations.values() for _, row in of}
    return counts | {row["id"] for one in found for row in one.rates.values()}


def measure(study: Study, found: Sequence[Counted]) -> dict[str, Any]:
    """The fields of the Measure: what is counted, by the names that the report uses."""
    return {
        "url": url(study),
        "version": study.study.protocol.version,
        "name": "".join(part.capitalize() for part in study.study.id.replace("_", "-").split("-")),
        "title": study.study.title,
        "status": "active",
        "experimental": study.study.data == "synthetic",
        "description": study.study.question or study.study.title,
        "scoring": coded("http://terminology.hl7.org/CodeSystem/measure-scoring", "cohort", "Cohort"),
        "group": [{"code": coded(RESULT, one.code, one.text)} for one in found],
    }


def url(study: Study) -> str:
    """The canonical address of the study's Measure."""
    return f"{BASE}/Measure/{study.study.id}"


def period(study: Study) -> dict[str, str]:
    """From the first index date to the data cut-off."""
    return {"start": study.index.dates[0].isoformat(), "end": study.index.data_cutoff.isoformat()}


def report(study: Study, found: Sequence[Counted], released: Released) -> dict[str, Any]:
    """The fields of the MeasureReport. Until somebody has signed it, it is ``pending``."""
    groups = [_group(study, one) for one in found]
    return {
        "status": "complete" if released.state == "SIGNED" else "pending",
        "type": "summary",
        "measure": f"{url(study)}|{study.study.protocol.version}",
        "period": period(study),
        **({"group": groups} if groups else {}),
    }


def _group(study: Study, one: Counted) -> dict[str, Any]:
    strata = [
        {"value": {"text": arm.label}, **_counts(one, arm.label)}
        for arm in study.arm
        if arm.label in one.populations or arm.label in one.rates
    ]
    return {
        "code": coded(RESULT, one.code, one.text),
        **_counts(one, _TOTAL),
        **({"stratifier": [{"code": [coded(RESULT, "arm", "arm")], "stratum": strata}]} if strata else {}),
    }


def _counts(one: Counted, group: str) -> dict[str, Any]:
    """Populations and score of one group of subjects."""
    populations = list(_populations(one.populations.get(group, [])))
    rate = one.rates.get(group)
    return {
        **({"population": populations} if populations else {}),
        **({"measureScore": _score(rate)} if rate is not None else {}),
    }


def _populations(rows: Sequence[tuple[str, Row]]) -> Iterator[dict[str, Any]]:
    sizes = {row["n"] for _, row in rows if row["n"] is not None}
    # The flow names its own denominator: those analysed.
    if len(sizes) == 1 and not {"screened", "analysed"} & {what for what, _ in rows}:
        yield {"code": coded(_POPULATION, *_KNOWN["analysed"]), "count": sizes.pop()}
    for what, row in rows:
        code = coded(_POPULATION, *_KNOWN[what]) if what in _KNOWN else coded(RESULT, what, what)
        reason = reason_of(row)
        yield {
            "code": code,
            **({"count": int(row["value"])} if reason is None else {"_count": absent_extension(reason)}),
        }


def _score(row: Row) -> dict[str, Any]:
    reason = reason_of(row)
    return quantity(row["value"], row["unit"]) if reason is None else absent_extension(reason)

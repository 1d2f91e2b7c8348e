"""What the checks of a run found, as FHIR R4: a Measure of the checks, a MeasureReport and an OperationOutcome a site.

A MeasureReport holds counts: one group a check and table, with the rows asked as denominator, the violations as
numerator and their percentage as score. An OperationOutcome holds what somebody should look at: one issue for each
check that failed, could not be computed, or passed with violations. No resource, subject or value is in either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.export.coded import BASE, absent_extension, coded, quantity

CHECK = f"{BASE}/CodeSystem/data-quality-check"
CATEGORY = f"{BASE}/CodeSystem/data-quality-category"
STATUS = f"{BASE}/CodeSystem/data-quality-status"
_NOTATION = "http://terminology.hl7.org/CodeSystem/measure-improvement-notation"
_POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
_SUPPRESSED = ("masked", "suppressed: a small count")
# OperationOutcome's severities and codes (FHIR R4: required bindings).
_SEVERITY = {"critical": "error", "warning": "warning", "info": "information"}
_CODE = {
    "conformance: value": "value",
    "conformance: relational": "not-found",
    "conformance: computational": "business-rule",
    "completeness": "required",
    "plausibility: atemporal": "business-rule",
    "plausibility: temporal": "business-rule",
}

# Tables with a row a subject or a part of one: their counts lead to counts of subjects.
_OF_SUBJECTS = frozenset(
    {
        "adsl", "screened", "analysed", "covariates", "reviewed", "responses", "derived_responses", "assessments",
        "endpoints", "events", "censored", "endpoint_pairs", "follow_up",
    }
)  # fmt: skip

Row = Mapping[str, Any]
Resource = dict[str, Any]


def resources(
    study: str, title: str, rows: Sequence[Row], sites: Mapping[str, str], day: str, synthetic: bool, min_count: int
) -> list[Resource]:
    """All resources, the Measure first.

    Args:
        study, title: the study's id and title.
        rows: outcomes with the columns of ``quality/checks.parquet``.
        sites: id to label, in order; what belongs to no single site stands under the study's own report.
        day: the day of the run, ``YYYY-MM-DD``.
        synthetic: whether the data are; the resources are tagged as test data then.
        min_count: counts below it, and not 0, are withheld, and with them the percentages they would give away.
    """
    meta = {"meta": {"tag": [_TEST]}} if synthetic else {}
    made = [{"resourceType": "Measure", "id": _id(study, "measure"), **meta, **_measure(study, title, rows)}]
    for site, label in {**sites, "": title}.items():
        here = [row for row in rows if row["site"] == site and row["status"] != "NOT_APPLICABLE"]
        if not here:
            continue
        close = _close(here, min_count)
        here = [{**row, "close": row["table"] in _OF_SUBJECTS and int(row["denominator"]) in close} for row in here]
        report = {"resourceType": "MeasureReport", "id": _id(study, f"report {site}"), **meta}
        made.append({**report, **_report(study, here, label, day, min_count)})
        issues = [_issue(row, min_count) for row in here if row["status"] != "PASS"]
        outcome = {"resourceType": "OperationOutcome", "id": _id(study, f"outcome {site}"), **meta}
        made.append({**outcome, "issue": issues or [_ALL_OK]})
    return made


_TEST = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST", "display": "test health data",
}  # fmt: skip
_ALL_OK = {"severity": "information", "code": "informational", "details": {"text": "every check passed"}}


def _id(study: str, what: str) -> str:
    return hashlib.sha256("\0".join((study, "data quality", what)).encode()).hexdigest()[:32]


def _url(study: str) -> str:
    return f"{BASE}/Measure/{study}-data-quality"


def _measure(study: str, title: str, rows: Sequence[Row]) -> Resource:
    checks = {(row["check_id"], row["table"]): row for row in rows}
    return {
        "url": _url(study),
        "name": "".join(part.capitalize() for part in study.replace("_", "-").split("-")) + "DataQuality",
        "title": f"Data quality of: {title}",
        "status": "active",
        "description": "Checks of data quality after Kahn et al. 2016; the score is the percentage of violations.",
        "scoring": coded("http://terminology.hl7.org/CodeSystem/measure-scoring", "proportion", "Proportion"),
        "improvementNotation": coded(_NOTATION, "decrease", "Decreased score indicates improvement"),
        "group": [{"code": _code(row), "description": str(row["reason"])} for _, row in sorted(checks.items())],
    }  # fmt: skip


def _code(row: Row) -> Resource:
    return coded(
        CHECK, f"{row['check_id']}.{row['table']}", f"{str(row['check_id']).replace('_', ' ')} ({row['table']})"
    )


def _report(study: str, rows: Sequence[Row], label: str, day: str, min_count: int) -> Resource:
    return {
        "status": "complete",
        "type": "summary",
        "measure": _url(study),
        "date": day,
        "reporter": {"display": label},
        "period": {"start": day, "end": day},
        "group": [_group(row, min_count) for row in sorted(rows, key=lambda r: (r["check_id"], r["table"]))],
    }


def _group(row: Row, min_count: int) -> Resource:
    numerator, denominator = int(row["numerator"]), int(row["denominator"])
    if row["status"] == "ERROR":
        return {"code": _code(row), "measureScore": absent_extension(("error", str(row["error"])))}
    few = row["close"] or hidden(numerator, denominator, min_count)
    score = absent_extension(_SUPPRESSED) if few else quantity(100 * numerator / denominator, "%")
    return {
        "code": _code(row),
        "population": [
            _population("denominator", "Denominator", denominator, row["close"] or small(denominator, min_count)),
            _population("numerator", "Numerator", numerator, few),
        ],
        "measureScore": score,
    }


def _population(code: str, text: str, n: int, withheld: bool) -> Resource:
    count = {"_count": absent_extension(_SUPPRESSED)} if withheld else {"count": n}
    return {"code": coded(_POPULATION, code, text), **count}


def hidden(numerator: int, denominator: int, min_count: int) -> bool:
    """Whether the violations of so many may not be told: they, the rest or all of them are few."""
    return any(small(n, min_count) for n in (numerator, denominator, denominator - numerator))


def _close(rows: Sequence[Row], min_count: int) -> set[int]:
    """Denominators of subjects' tables that lie a small count below another: the difference would tell the count."""
    told = sorted({int(row["denominator"]) for row in rows if row["table"] in _OF_SUBJECTS})
    return {low for low in told if any(small(high - low, min_count) for high in told)}


def small(n: int, min_count: int) -> bool:
    """Whether a count may not be told: below the least, and not 0."""
    return 0 < n < min_count


def _issue(row: Row, min_count: int) -> Resource:
    numerator, denominator = int(row["numerator"]), int(row["denominator"])
    few = row["close"] or hidden(numerator, denominator, min_count)
    counts = "a number that is not told" if few else f"{numerator} of {denominator}"
    error = row["status"] == "ERROR"
    mild = row["status"] == "PASS_WITH_VIOLATIONS" and not row["stops"]
    severity = "information" if mild else _SEVERITY[row["severity"]]
    stops = "; stops the analysis" if row["stops"] else ""
    let_pass = f"; let pass by {row['overridden']}" if row["overridden"] else ""
    return {
        "severity": severity,
        "code": "exception" if error else _CODE[row["category"]],
        "details": {
            "coding": [{"system": CHECK, "code": str(row["check_id"])}, {"system": STATUS, "code": str(row["status"])}],
            "text": f"{str(row['check_id']).replace('_', ' ')}: {row['reason']}",
        },
        "diagnostics": f"{row['error']}{stops}{let_pass}" if error else (
            f"{row['table']}: {counts} violate, accepted up to {row['threshold']:g} %{stops}{let_pass}"
        ),
    }  # fmt: skip

"""Data quality outcomes: how many checks held, and every one that did not."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.pages import formats
from analysis.pages.statuses import SIGNS, WORDS
from analysis.report.context import Context

_SEVERE = {"critical": 0, "warning": 1, "info": 2}
_ORDER = {"ERROR": 0, "FAIL": 1, "PASS_WITH_VIOLATIONS": 2, "PASS": 3, "NOT_APPLICABLE": 4}


def quality(context: Context) -> dict[str, Any]:
    """Counts by status, rows worst first, and the one sentence of the first screen."""
    rows = [_row(record, context.study.disclosure.min_count) for record in context.quality.to_dict("records")]
    rows.sort(
        key=lambda r: (_ORDER.get(r["status"], 9), _SEVERE.get(r["severity"], 3), r["check"], r["table"], r["site"])
    )
    counts = [(WORDS[s], sum(r["status"] == s for r in rows), SIGNS[s], s) for s in WORDS]
    return {
        "rows": rows,
        "apart": [r for r in rows if r["status"] in ("FAIL", "ERROR", "PASS_WITH_VIOLATIONS")],
        "counts": [c for c in counts if c[1]],
        "line": _line(rows),
        "sites": len({r["site"] for r in rows if r["site"]}) > 1,
        "overridden": [r for r in rows if r["overridden"]],
        "held": _held(rows),
    }


def _held(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sites that the gate holds out of the analysis, each with the checks that do it."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["stops"] and row["site"] and not row["overridden"]:
            found.setdefault(row["site"], []).append(f"{row['name']} ({row['table']})")
    return [{"site": site, "checks": checks} for site, checks in sorted(found.items())]


def _line(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "No data quality checks were run."
    judged = [r for r in rows if r["status"] != "NOT_APPLICABLE"]
    failed = [r for r in judged if r["status"] == "FAIL"]
    errors = [r for r in judged if r["status"] == "ERROR"]
    held = len(judged) - len(failed) - len(errors)
    within = sum(r["status"] == "PASS_WITH_VIOLATIONS" for r in judged)
    some = f", {within} of them with violations under the threshold" if within else ""
    parts = [f"{held} of {len(judged)} checks held{some}"]
    if failed:
        names = sorted({r["name"] for r in failed})
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        parts.append(f"{len(failed)} failed ({', '.join(names[:3])}{more})")
    if errors:
        parts.append(f"{len(errors)} could not be computed")
    away = len(rows) - len(judged)
    if away:
        parts.append(f"{away} did not apply")
    return "; ".join(parts) + "."


def _row(record: dict[Any, Any], min_count: int) -> dict[str, Any]:
    status = _text(record.get("status"))
    check = _text(record.get("check_id"))
    return {
        "check": check,
        "name": check.replace("_", " "),
        "table": _text(record.get("table")),
        "site": _text(record.get("site")),
        "category": _text(record.get("category")),
        "severity": _text(record.get("severity")),
        "action": _text(record.get("action")),
        "numerator": _violations(record, min_count),
        "denominator": _count(record.get("denominator"), min_count),
        "threshold": "" if _empty(record.get("threshold")) else f"{float(record['threshold']):g} %",
        "status": status,
        "status_words": WORDS.get(status, status),
        "sign": SIGNS.get(status, "?"),
        "reason": _text(record.get("error")) or _text(record.get("reason")),
        "consequence": _text(record.get("consequence")),
        "stops": record.get("stops") is True or bool(record.get("stops") == 1),
        "overridden": _text(record.get("overridden")),
    }


def _violations(record: dict[Any, Any], min_count: int) -> str:
    """The violations; not told where the few that are none would follow."""
    numerator, denominator = record.get("numerator"), record.get("denominator")
    if not _empty(numerator) and not _empty(denominator):
        rest = int(denominator) - int(numerator)  # type: ignore[arg-type]
        if 0 < rest < min_count <= int(numerator):  # type: ignore[arg-type]
            return "not told"
    return _count(numerator, min_count)


def _count(value: object, min_count: int) -> str:
    """A count; one that is small but not zero is not given away."""
    if _empty(value):
        return "unknown"
    return formats.guarded(float(value), min_count)  # type: ignore[arg-type]


def _empty(value: object) -> bool:
    return value is None or value == "" or bool(pd.isna(value))  # type: ignore[call-overload]


def _text(value: object) -> str:
    return "" if _empty(value) else str(value)

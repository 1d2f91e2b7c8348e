"""Printed figures beside ours, with each one's status; the paper's misprints by name."""

from __future__ import annotations

from collections import Counter
from typing import Any

from markupsafe import Markup

from analysis.pages import formats
from analysis.report.context import Context

STATUSES = {
    "match": "matches",
    "residual": "known residual",
    "misprint": "misprint",
    "differs": "differs",
    "missing": "no value of ours",
}
COUNTED = {
    "match": "{} match",
    "residual": "{} are known residuals",
    "misprint": "{} are misprints of the publication",
    "differs": "{} differ",
    "missing": "{} have no value of ours",
}


def published(context: Context) -> dict[str, Any] | None:
    """All rows, and apart those that are no match; None when nothing is compared."""
    if context.masked or not context.expected:
        return None
    rows = [_row(row) for row in context.expected]
    counts = Counter(row["status"] for row in rows)
    return {
        "total": len(rows),
        "counts": [COUNTED.get(s, "{} " + s).format(counts[s]) for s in sorted(counts, key=_place)],
        "rows": rows,
        "apart": [row for row in rows if row["status"] != "match"],
        "remarks": [
            r.partition(":")[2].strip() for r in context.study.study.remarks if r.casefold().startswith("misprint:")
        ],
    }


def _place(status: str) -> int:
    return list(COUNTED).index(status) if status in COUNTED else len(COUNTED)


def _row(row: Any) -> dict[str, Any]:
    printed = _words(row.get("printed"))
    places = _places(printed) + 1
    status = _words(row.get("status")) or "differs"
    was = _words(row.get("expected_status"))
    ours, result = row.get("ours"), _words(row.get("result"))
    shown: Any = _number(ours, places)
    if result and _is_number(ours):
        shown = Markup('<span data-result="{}">{}</span>').format(result, shown)
    return {
        "id": _words(row.get("id")),
        "printed": printed,
        "recomputed": _number(row.get("recomputed"), places),
        "ours": shown,
        "status": status,
        "status_words": STATUSES.get(status, status),
        "note": _words(row.get("note")) or (f"expected: {STATUSES.get(was, was)}" if was and was != status else ""),
    }


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _places(printed: str) -> int:
    """Decimals as printed; -1 for a whole number, so that one digit beyond shows none."""
    whole, dot, decimals = printed.partition(".")
    return len(decimals) if dot and whole.strip("-").isdigit() and decimals.isdigit() else -1


def _number(value: object, places: int) -> str:
    """A figure one digit beyond its printed precision; words (the choice of a stepwise model) as they are."""
    if _is_number(value):
        number = float(value)  # type: ignore[arg-type]
        if places <= 0:
            return formats.integer(number) if number == round(number) else formats.decimal(number, 1)
        return formats.signed(f"{number:.{places}f}")
    return _words(value)


def _words(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(v) for v in value)
    return str(value)

"""Where the numbers come from: state, sites, counts at each step, what was not used, versions and hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.pages import formats
from analysis.report.context import Context

STEPS = (
    "received",
    "landed",
    "duplicates",
    "not_asked",
    "outcomes",
    "missing",
    "accepted",
    "quarantined",
    "mapped",
)
STATES = {
    "MASKED": "the study is locked: arms are not compared",
    "DRAFT": "nothing is signed yet",
    "SIGNED": "signed",
}


def state(context: Context) -> dict[str, str]:
    """MASKED, DRAFT or SIGNED, with its meaning."""
    name = str(context.provenance.get("state") or "DRAFT")
    meaning = str(context.provenance.get("state_note") or STATES.get(name, ""))
    return {"name": name, "meaning": meaning}


def sites(context: Context) -> str:
    """``1 of 1``."""
    known = context.provenance.get("sites") or {}
    if not known:
        return "unknown"
    return f"{known.get('done', 'unknown')} of {known.get('total', 'unknown')}"


def provenance(context: Context) -> dict[str, Any]:
    """Everything the footer prints; keys the run did not give are left out."""
    given = context.provenance
    return {
        "outcome": given.get("outcome") or "not stated",
        "sites": sites(context),
        "site_names": list((given.get("sites") or {}).get("names") or ()),
        "cutoff": f"{context.study.index.data_cutoff:%-d %B %Y}",
        "versions": sorted((given.get("versions") or {}).items()),
        "hashes": [(_words(k), str(v)) for k, v in (given.get("hashes") or {}).items()],
        "counts": _pivot(records(given.get("counts"))),
        "unused": _unused(records(given.get("unused")), context.study.disclosure.min_count),
        "missing": [{k: str(v) for k, v in m.items()} for m in records(given.get("missing"))],
        "public_key": bool(given.get("public_key")),
        "looks": given.get("looks"),
    }


def records(given: object) -> list[dict[str, Any]]:
    """A frame, a list of mappings or nothing, as a list of dicts."""
    if given is None:
        return []
    if isinstance(given, pd.DataFrame):
        return [{str(k): v for k, v in r.items()} for r in given.to_dict("records")]
    if isinstance(given, Iterable) and not isinstance(given, (str, Mapping)):
        return [dict(r) for r in given]
    return []


def _pivot(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Counts by site and type, a column a step."""
    if not rows:
        return None
    steps = [s for s in STEPS if any(r.get("step") == s for r in rows)]
    steps += [s for s in dict.fromkeys(str(r.get("step")) for r in rows) if s not in steps]
    keys = sorted({(str(r.get("site") or ""), str(r.get("type") or "")) for r in rows})
    table = {(str(r.get("site") or ""), str(r.get("type") or ""), str(r.get("step"))): r.get("n") for r in rows}
    return {
        "steps": [_words(s) for s in steps],
        "rows": [(site, kind, [count(table.get((site, kind, step))) for step in steps]) for site, kind in keys],
    }


def _unused(rows: list[dict[str, Any]], min_count: int) -> list[tuple[str, str, str, str]]:
    return [
        (str(r.get("step") or ""), str(r.get("site") or ""), str(r.get("reason") or ""), count(r.get("n"), min_count))
        for r in rows
    ]


def count(value: object, least: int = 0) -> str:
    """A count of the run; below ``least`` it is not given away, and one that is missing is not zero."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return "not counted"
    return formats.guarded(float(value), least)  # type: ignore[arg-type]


def _words(name: object) -> str:
    return str(name).replace("_", " ")

"""What ``bedside view`` says of a run or a view: lines for people, one object for scripts."""

from __future__ import annotations

from typing import Any

from flows.viewing.added import Kind
from flows.viewing.explain import Explained, tree
from flows.viewing.output import Output
from flows.viewing.run import Ran
from flows.viewing.views import LoadedView

# What counts of rows are called: in the object, and in the lines.
_COUNTED: dict[Kind, tuple[str, str]] = {
    "comparator": ("comparators", "comparators"),
    "interval": ("partial_dates", "dates"),
    "unit": ("not_converted", "not converted"),
    "translation": ("not_translated", "not translated"),
    "member": ("membership", "membership"),
}


def facts(loaded: LoadedView) -> dict[str, Any]:
    """A view in short."""
    return {"name": loaded.name, "resource": loaded.view.resource, "columns": len(loaded.view.columns)}


def ran_object(loaded: LoadedView, output: Output, ran: Ran) -> dict[str, Any]:
    """For ``bedside view run --json``."""
    counts = ran.counts
    return {
        "outcome": "complete",
        "view": loaded.name,
        "resource": loaded.view.resource,
        "out": None if output.path is None else str(output.path),
        "format": output.format,
        "rows": ran.rows,
        "resources": {
            "read": counts.accepted,
            "with_rows": counts.with_rows,
            "removed_by_where": counts.removed_by_where,
            "empty_for_each": counts.empty_for_each,
        },
        "other_types": ran.others,
        "not_fhir": list(ran.not_fhir),
        "references_without_key": [{"path": p, "reason": reason, "n": n} for (p, reason), n in ran.lost.items()],
        "modifier_extensions": [{"element": at, "url": url, "n": n} for (at, url), n in ran.modifiers.items()],
        "columns_added": list(ran.added),
        **{
            name: [{"column": c, "reason": reason, "n": n} for (k, c, reason), n in ran.counted.items() if k == kind]
            for kind, (name, _) in _COUNTED.items()
        },
        "received": None
        if ran.received is None
        else {"received": ran.received.received, "landed": ran.received.landed},
        "accepted": None
        if ran.judged is None
        else {
            "landed": ran.judged.landed,
            "accepted": ran.judged.accepted,
            "quarantined": ran.judged.quarantined,
            "reasons": dict(sorted(ran.judged.reasons.items())),
        },
        "decimals": "double" if ran.through_double else "exact",
    }


def ran_lines(loaded: LoadedView, output: Output, ran: Ran) -> list[str]:
    """For ``bedside view run``: the ledger, nothing of it a patient's value."""
    type_, counts = loaded.view.resource, ran.counts
    where = "standard output" if output.path is None else str(output.path)
    lines = [f"{loaded.name}: {ran.rows:,} rows in {where} ({output.format})"]
    if ran.received is not None and ran.received.received != ran.received.landed:
        lines.append(f"{type_}: {ran.received.received:,} received, {ran.received.landed:,} of them landed once")
    if ran.judged is not None:
        judged = ran.judged
        lines.append(
            f"{type_}: {judged.landed:,} judged = {judged.accepted:,} accepted + {judged.quarantined:,} quarantined"
        )
        lines += [f"quarantined: {reason} {n:,}" for reason, n in sorted(judged.reasons.items())]
    lines.append(
        f"{type_}: {counts.accepted:,} read = {counts.with_rows:,} with rows + {counts.removed_by_where:,} removed by "
        f"where + {counts.empty_for_each:,} with an empty forEach"
    )
    if not counts.accepted:
        lines.append(f"the source holds no {type_}")
    if ran.others:
        lines.append("of other types: " + ", ".join(f"{other} {n:,}" for other, n in ran.others.items()))
    lines += [f"no FHIR, left alone: {label}" for label in ran.not_fhir]
    lines += [f"references without a key, {path}: {reason} {n:,}" for (path, reason), n in ran.lost.items()]
    lines += [f"modifierExtensions read past, {at}: {url} {n:,}" for (at, url), n in ran.modifiers.items()]
    if ran.added:
        lines.append(f"columns added: {', '.join(ran.added)}")
    lines += [f"{_COUNTED[kind][1]}, {c}: {reason} {n:,}" for (kind, c, reason), n in ran.counted.items()]
    return lines


def explained_object(loaded: LoadedView, made: Explained, engine: str) -> dict[str, Any]:
    """For ``bedside view explain --json``."""
    columns = [
        {"name": c.name, "type": c.type, "fhir_type": c.fhir_type, "path": c.path, "within": list(c.within)}
        for c in made.columns
    ]
    return {
        "outcome": "complete",
        "view": loaded.name,
        "resource": loaded.view.resource,
        "engine": engine,
        "columns": columns,
        "reads": made.reads,
        "repeats": list(made.repeats),
        "sql": made.sql,
    }


def explained_lines(loaded: LoadedView, made: Explained, engine: str) -> list[str]:
    """For ``bedside view explain``."""
    name, kept, type_, path = (
        max(map(len, texts))
        for texts in zip(*((c.name, c.type, c.fhir_type, c.path) for c in made.columns), strict=True)
    )
    lines = [f"{loaded.name}: {len(made.columns)} columns of {loaded.view.resource}", ""]
    for c in made.columns:
        within = f"in {', then '.join(c.within)}" if c.within else ""
        lines.append(
            f"  {c.name:<{name}}  {c.type:<{kept}}  {c.fhir_type:<{type_}}  {c.path:<{path}}  {within}".rstrip()
        )
    lines += ["", "elements read:", *tree(made.reads), "", f"SQL ({engine}):"]
    if made.repeats:
        lines.append(
            f"-- repeat {'; '.join(made.repeats)} is read level by level, as deep as the data go, each level kept in a "
            "table: the SQL shown is for one level"
        )
    return [*lines, made.sql]

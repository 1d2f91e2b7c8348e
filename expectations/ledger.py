"""The ledger's balance: nothing is lost between the server and the analysis set, and each step says where it went.

Pure: counts in, sentences out. ``flows.ledger_files`` does the counting on a run folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TypeCounts:
    """One resource type of one site, from the entries a source served to what mapping may read.

    ``quarantined`` counts ``superseded`` (an older version of a resource that is there in a newer one) too.
    ``incomplete``: the extract has already named something of this type as missing, so fewer than the server's total
    is known and makes the run incomplete, not the ledger unbalanced.
    """

    received: int = 0
    landed: int = 0
    duplicates: int = 0
    outcomes: int = 0
    not_asked: Mapping[str, int] = field(default_factory=dict)
    server_total: int | None = None
    distinct: int | None = None
    accepted: int | None = None
    quarantined: int | None = None
    superseded: int = 0
    incomplete: bool = False


@dataclass(frozen=True)
class ViewCounts:
    """One view over one site's accepted resources of its type."""

    accepted: int
    with_rows: int
    removed_by_where: int
    empty_for_each: int
    rows: int


@dataclass(frozen=True)
class SubjectCounts:
    """Where every screened subject ended."""

    screened: int
    analysed: int
    excluded: Mapping[str, int]


@dataclass(frozen=True)
class Ledger:
    """The whole of a run: ``types[site][type]``, ``views[site][view]``, the subjects, and the rows of each analysis
    table (``analysis[table]``)."""

    types: Mapping[str, Mapping[str, TypeCounts]]
    views: Mapping[str, Mapping[str, ViewCounts]] = field(default_factory=dict)
    subjects: SubjectCounts | None = None
    analysis: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Recount:
    """What the files of a run hold when counted again, with the same keys as the ledger. ``None``: not there yet."""

    landed: Mapping[str, Mapping[str, int]]
    accepted: Mapping[str, Mapping[str, int]] | None = None
    quarantined: Mapping[str, Mapping[str, int]] | None = None
    rows: Mapping[str, Mapping[str, int]] | None = None
    subjects: SubjectCounts | None = None
    analysis: Mapping[str, int] | None = None


def imbalances(ledger: Ledger, recount: Recount | None = None) -> tuple[str, ...]:
    """Say every place where the ledger does not balance, or where the files no longer hold what it says.

    Returns one sentence a place, empty when all is accounted for.
    """
    found = [*_arrival(ledger), *_acceptance(ledger), *_mapping(ledger), *_subjects(ledger)]
    if recount is not None:
        found += _recounted(ledger, recount)
    return tuple(found)


def _arrival(ledger: Ledger) -> Iterator[str]:
    for site, type_, c in _types(ledger):
        gone = c.landed + c.duplicates + c.outcomes + sum(c.not_asked.values())
        if c.received != gone:
            yield (
                f"{site} {type_}: {c.received} entries received, {gone} accounted for "
                "(landed, duplicates, not asked for, outcomes)"
            )
        if c.incomplete or c.server_total is None or c.distinct is None:
            continue
        if c.server_total > c.distinct:
            yield f"{site} {type_}: the server counts {c.server_total}, {c.distinct} came"


def _acceptance(ledger: Ledger) -> Iterator[str]:
    for site, type_, c in _types(ledger):
        if c.accepted is None and c.quarantined is None:
            continue
        judged = (c.accepted or 0) + (c.quarantined or 0)
        if c.landed != judged:
            yield f"{site} {type_}: {c.landed} landed, {judged} accepted or quarantined"


def _mapping(ledger: Ledger) -> Iterator[str]:
    for site, views in ledger.views.items():
        for view, c in views.items():
            if c.accepted != c.with_rows + c.removed_by_where + c.empty_for_each:
                yield (
                    f"{site} view {view}: {c.accepted} resources accepted, {c.with_rows} with rows, "
                    f"{c.removed_by_where} removed by where, {c.empty_for_each} with an empty forEach"
                )


def _subjects(ledger: Ledger) -> Iterator[str]:
    c = ledger.subjects
    if c is not None and c.screened != c.analysed + sum(c.excluded.values()):
        yield f"subjects: {c.screened} screened, {c.analysed} analysed, {sum(c.excluded.values())} excluded"


def _recounted(ledger: Ledger, recount: Recount) -> list[str]:
    found = []
    for stage, counted in (
        ("landed", recount.landed),
        ("accepted", recount.accepted),
        ("quarantined", recount.quarantined),
    ):
        if counted is None:
            continue
        for site, type_, c in _types(ledger):
            said = getattr(c, stage)
            there = counted.get(site, {}).get(type_, 0)
            if said is not None and said != there:
                found.append(f"{site} {type_}: the ledger says {said} {stage}, the files hold {there}")
    if recount.rows is not None:
        for site, views in ledger.views.items():
            for view, v in views.items():
                there = recount.rows.get(site, {}).get(view, 0)
                if v.rows != there:
                    found.append(f"{site} view {view}: the ledger says {v.rows} rows, the table holds {there}")
    if recount.analysis is not None:
        for table, n in ledger.analysis.items():
            there = recount.analysis.get(table, 0)
            if n != there:
                found.append(f"analysis table {table}: the ledger says {n} rows, the table holds {there}")
    if recount.subjects is not None and ledger.subjects is not None and recount.subjects != ledger.subjects:
        found.append(
            f"subjects: the ledger says {_said(ledger.subjects)}, the analysis tables hold {_said(recount.subjects)}"
        )
    return found


def _said(c: SubjectCounts) -> str:
    return f"{c.screened} screened, {c.analysed} analysed, {sum(c.excluded.values())} excluded"


def _types(ledger: Ledger) -> Sequence[tuple[str, str, TypeCounts]]:
    return [(site, type_, counts) for site, types in ledger.types.items() for type_, counts in types.items()]

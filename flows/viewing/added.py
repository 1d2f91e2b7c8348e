"""Rows with what is added to them, and the count of what could not be, made while they pass by."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flows.viewing.enrich import Enrichment

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

Kind = Literal["comparator", "interval", "unit", "translation", "member"]
Counts = dict[tuple[Kind, str, str], int]
"""Rows by kind, column and reason."""


@dataclass(frozen=True)
class Reason:
    """Why a row is counted: an expression over the table, null where it is not."""

    kind: Kind
    column: str
    made: ir.StringValue


def schema_of(columns: Mapping[str, str], asked: Enrichment) -> pa.Schema:
    """What the rows of a view with these columns (name to Ibis type) become. Nothing is executed."""
    import ibis

    return with_added(ibis.table(dict(columns), name="rows"), asked).schema().to_pyarrow()


@contextmanager
def kept_if_read_again(con: Any, rows: ir.Table, asked: Enrichment, scratch: Path) -> Iterator[ir.Table]:
    """The rows as they are, or from a file in ``scratch`` where an option first looks at what they hold.

    Measured on the view `observation`, all options, 100,000 and 1,000,000 Observations (827 MB) on two shared cores:
    read again for each look 7.7 and 54 s with up to 3.6 GB of memory, kept by the engine 7.5 and 48 s with 1.2 GB,
    kept in a file 7.3 and 37 s with 0.8 GB.
    """
    from mappings import engine

    if not (asked.units or asked.translations or asked.members):
        yield rows
        return
    own, file = engine.of(con), scratch / f"kept-{secrets.token_hex(4)}.parquet"
    try:
        own.write_parquet(con, rows, file)
        yield own.parquet(con, file)
    finally:
        file.unlink(missing_ok=True)


def with_added(rows: ir.Table, asked: Enrichment, con: Any = None) -> ir.Table:
    """``rows`` with the columns of an enrichment. Without ``con`` nothing is executed, and no unit is known.

    Execute within :func:`mappings.engine.clear_errors`, and call within it: distinct units and codings are looked up.
    """
    from mappings import engine
    from mappings.codelists import with_membership, with_translation
    from mappings.partial_dates import with_intervals
    from mappings.quantities import units_of, with_units

    own = engine.of(con)
    if engine.of_expression(rows) is not own:  # no file: rows that lie on no engine yet
        rows = own.kept(con, rows)
    if asked.dates:
        rows = with_intervals(rows, asked.dates, asked.zone)
    if asked.units:
        rows = with_units(rows, asked.units, units_of(con, rows, asked.units) if con is not None else ())
    for one in asked.translations:
        rows = with_translation(rows, one.system, one.code, one.mapping, one.into, con)
    for member in asked.members:
        rows = with_membership(rows, member.system, member.code, member.codes, member.into, con)
    return rows


def reasons_of(rows: ir.Table, asked: Enrichment) -> list[Reason]:
    """What is counted of a table from :func:`with_added`."""
    from mappings.codelists import membership_reason, translation_reason
    from mappings.comparators import comparator_reason
    from mappings.partial_dates import interval_reason

    return [
        *(Reason("comparator", name, comparator_reason(rows[name])) for name in asked.comparators),
        *(Reason("interval", name, interval_reason(rows, name)) for name in asked.dates),
        *(Reason("unit", one.into, rows[one.columns[2]]) for one in asked.units),
        *(Reason("translation", one.into, translation_reason(rows, one.code, one.into)) for one in asked.translations),
        *(Reason("member", one.into, membership_reason(rows, one.code, one.into)) for one in asked.members),
    ]


class Counted:
    """Counts the reasons of rows in the batches they are written by, so that the view is not read again for them.

    They travel in columns behind the rows' own, which `split` takes off.
    """

    def __init__(self, rows: ir.Table, asked: Enrichment) -> None:
        self._reasons = reasons_of(rows, asked)
        self._width = len(rows.columns)
        self._found: Counter[tuple[Kind, str, str]] = Counter()
        # No column of a view begins with _.
        self.rows = rows.mutate(**{f"_reason{i}": one.made for i, one in enumerate(self._reasons)})

    def split(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch without the reasons, which are counted."""
        import pyarrow.compute as pc

        for at, one in enumerate(self._reasons, start=self._width):
            for found in pc.value_counts(batch.column(at).drop_null()).to_pylist():
                self._found[one.kind, one.column, found["values"]] += found["counts"]
        return batch.select(range(self._width))

    def counts(self) -> Counts:
        """What has been counted so far, in the order of columns, then by reason."""
        order = {(one.kind, one.column): i for i, one in enumerate(self._reasons)}
        return dict(sorted(self._found.items(), key=lambda item: (order[item[0][0], item[0][1]], item[0][2])))

"""Intermediate tables computed once, and the counts of what was not used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


class Workspace:
    """Holds the backend's copies of intermediate tables until it is closed, and gathers counts on the way.

    Without the copies every later step would compute all earlier ones again.
    """

    def __init__(self) -> None:
        self._release: list[Callable[[], object]] = []
        self._counts: list[ir.Table] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._release:
            self._release.pop()()

    def keep(self, table: ir.Table) -> ir.Table:
        """Compute ``table`` now, on its own backend, and go on from the copy."""
        import ibis

        backend = ibis.get_backend(table)
        if backend.name == "pyspark":
            cached = table.cache()
            self._release.append(cached.release)
            return cached
        name = ibis.util.gen_name("derive")
        copy = backend.create_table(name, table, temp=True)
        # Dropped by a statement of our own: what ibis 12 writes loses the table's name with sqlglot 30.
        self._release.append(partial(backend.raw_sql, f'DROP TABLE IF EXISTS "{name}"'))
        return copy

    def count(self, step: str, reason: str | ir.StringValue, table: ir.Table) -> None:
        """Count the rows of ``table`` under ``reason`` for each site. Nothing is computed before :meth:`counts`."""
        import ibis

        # A text is a reason for all rows; an expression gives each row its own.
        made = ibis.literal(reason) if isinstance(reason, str) else reason
        rows = table.select("site", reason=made).group_by(["site", "reason"]).aggregate(n=lambda t: t.count())
        self._counts.append(rows.select(step=ibis.literal(step), site="site", reason="reason", n=rows.n.cast("int64")))

    def counts(self) -> pd.DataFrame:
        """Step, site, reason and n of everything counted, sorted; reasons that did not occur are not listed."""
        import ibis
        import pandas as pd

        columns = ["step", "site", "reason", "n"]
        if not self._counts:
            return pd.DataFrame({"step": [], "site": [], "reason": [], "n": pd.Series([], dtype="int64")})
        rows = ibis.union(*self._counts) if len(self._counts) > 1 else self._counts[0]
        rows = rows.group_by(columns[:3]).aggregate(n=rows.n.sum())
        frame: pd.DataFrame = rows.to_pandas()
        frame = frame.sort_values(columns[:3], ignore_index=True).astype({"n": "int64"})
        return frame[columns]

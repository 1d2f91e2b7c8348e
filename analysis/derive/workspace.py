"""Intermediate tables computed once, and the counts of what was not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
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
        self._counts: Counter[tuple[str, str, str]] = Counter()

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

    def count(self, step: str, table: ir.Table, reasons: Mapping[str, ir.BooleanValue]) -> None:
        """Count the rows of ``table`` for which each reason holds, by site."""
        if not reasons:
            return
        sums = {f"n{i}": condition.fill_null(False).sum() for i, condition in enumerate(reasons.values())}
        for row in table.group_by("site").aggregate(**sums).to_pandas().to_dict("records"):
            for i, reason in enumerate(reasons):
                self._add(step, row["site"], reason, int(row[f"n{i}"]))

    def count_by(self, step: str, table: ir.Table, reason: ir.StringValue) -> None:
        """Count the rows of ``table`` by what ``reason`` says of each, and site; null is not counted."""
        rows = table.select("site", reason=reason).filter(lambda t: t.reason.notnull())
        for row in rows.group_by(["site", "reason"]).aggregate(n=lambda t: t.count()).to_pandas().to_dict("records"):
            self._add(step, row["site"], row["reason"], int(row["n"]))

    def _add(self, step: str, site: str, reason: str, n: int) -> None:
        if n:
            self._counts[step, str(site), reason] += n

    def counts(self) -> pd.DataFrame:
        """Step, site, reason and n of everything counted, sorted; reasons that did not occur are not listed."""
        import pandas as pd

        rows = [(*key, n) for key, n in sorted(self._counts.items())]
        return pd.DataFrame(rows, columns=["step", "site", "reason", "n"]).astype({"n": "int64"})

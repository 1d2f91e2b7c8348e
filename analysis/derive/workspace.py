"""Intermediate tables computed once, and the counts of what was not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


class Workspace:
    """Holds the engine's copies of intermediate tables until it is closed, and gathers counts on the way.

    Without the copies every later step would compute all earlier ones again. ``con`` is the Ibis connection the tables
    lie on, None where each table's own is to be asked (a table in memory has none but the default).
    """

    def __init__(self, con: Any = None, counts: Counter[tuple[str, str, str]] | None = None) -> None:
        self.con = con
        self._release: dict[str, Callable[[], object]] = {}
        self._counts = Counter() if counts is None else counts

    def part(self) -> Workspace:
        """A workspace for a part of the work, to be closed before this one; it counts into the same counts."""
        return Workspace(self.con, self._counts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._release:
            self._release.popitem()[1]()

    def keep(self, table: ir.Table) -> ir.Table:
        """Compute ``table`` now, on its own engine, and go on from the copy."""
        import ibis

        from mappings import engine

        con = self.con or ibis.get_backend(table)
        own = engine.of(con)
        copy = own.kept(con, table)
        self._release[copy.get_name()] = partial(own.forget, con, copy)
        return copy

    def drop(self, *copies: ir.Table) -> None:
        """Give up copies that nothing still to be computed looks at: the widest ones would fill the memory."""
        for copy in copies:
            self._release.pop(copy.get_name())()

    def pandas(self, table: ir.Table) -> pd.DataFrame:
        """The rows of ``table`` as a frame."""
        frame: pd.DataFrame = table.to_pandas() if self.con is None else self.con.to_pandas(table)
        return frame

    def count(self, step: str, table: ir.Table, reasons: Mapping[str, ir.BooleanValue]) -> None:
        """Count the rows of ``table`` for which each reason holds, by site."""
        if not reasons:
            return
        sums = {f"n{i}": condition.fill_null(False).sum() for i, condition in enumerate(reasons.values())}
        for row in self.pandas(table.group_by("site").aggregate(**sums)).to_dict("records"):
            for i, reason in enumerate(reasons):
                self._add(step, row["site"], reason, int(row[f"n{i}"]))

    def count_by(self, step: str, table: ir.Table, reason: ir.StringValue) -> None:
        """Count the rows of ``table`` by what ``reason`` says of each, and site; null is not counted."""
        rows = table.select("site", reason=reason).filter(lambda t: t.reason.notnull())
        counted = rows.group_by(["site", "reason"]).aggregate(n=lambda t: t.count())
        for row in self.pandas(counted).to_dict("records"):
            self._add(step, row["site"], row["reason"], int(row["n"]))

    def _add(self, step: str, site: str, reason: str, n: int) -> None:
        if n:
            self._counts[step, str(site), reason] += n

    def counts(self) -> pd.DataFrame:
        """Step, site, reason and n of everything counted, sorted; reasons that did not occur are not listed."""
        import pandas as pd

        rows = [(*key, n) for key, n in sorted(self._counts.items())]
        return pd.DataFrame(rows, columns=["step", "site", "reason", "n"]).astype({"n": "int64"})

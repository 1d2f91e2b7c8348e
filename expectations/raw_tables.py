"""The tables of one look at the raw checks: what is looked up once, each view's rows and flags, and tidying up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Any

from expectations import raw_marks as marks
from expectations import raw_ranges
from expectations.known_systems import recognised
from expectations.raw_flags import Flag, Known, flags_of
from expectations.raw_views import REFERENCES, VIEWS, Quantity
from mappings import code_systems, engine
from mappings.ucum import is_unit

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Judged:
    """One view: its ``rows`` as they stand, and what makes them ready to be judged.

    ``of(rows)`` gives any of them with all columns that the flags need, and the flags by check. Rows are chosen first,
    as numbers: what is joined to them is joined to fewer.
    """

    rows: Any
    of: Callable[[Any], tuple[Any, dict[str, Flag]]]


class RawTables:
    """Standard views by name on one engine; a context, at whose end nothing that was kept for the checks is left."""

    def __init__(self, tables: Mapping[str, ir.Table], today: date, systems: frozenset[str]) -> None:
        import ibis

        self._tables, self._today, self._systems = tables, today, systems
        self._con = ibis.get_backend(tables["patient"])
        self.engine = engine.of(self._con)
        self._kept: list[Any] = []
        self._persons: Any = None

    def __enter__(self) -> RawTables:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget(0)

    def kept(self, rows: Any) -> Any:
        """``rows``, computed now and kept."""
        made = self.engine.kept(self._con, rows)
        self._kept.append(made)
        return made

    def rows(self, table: Any) -> list[dict[str, Any]]:
        """A short table as dicts."""
        return list(self.engine.arrow(self._con, table).to_pylist())

    def any_row(self, table: Any) -> bool:
        """Whether a table has any row."""
        return bool(self.rows(table.limit(1)))

    def sites(self, name: str) -> tuple[str, ...]:
        """The sites that have any row in a view."""
        if name not in self._tables:
            return ()
        return tuple(sorted(row["site"] for row in self.rows(self._tables[name].select("site").distinct())))

    @contextmanager
    def judged(self, name: str) -> Iterator[Judged]:
        """A view with its flags; what was kept for it alone is given up at the end."""
        view, rows = VIEWS[name], self._tables[name]
        known = Known(self._today)
        if view.patient and self._persons is None:
            self._persons = self.kept(marks.persons_of(self._tables["patient"]))
        before = len(self._kept)
        try:
            if view.coded:
                known = replace(known, systems=self._known_systems(rows))
            if view.quantity is not None:
                unit_systems, unit_codes = self._units(rows, view.quantity)
                known = replace(known, unit_systems=unit_systems, unit_codes=unit_codes)
            known = replace(known, references=self._references(name))
            limits = self._limits(rows, name)
            wrong = {mark: self.kept(found) for mark, found in self._wrong(name, known).items()}
            wrong = {mark: found for mark, found in wrong.items() if self.any_row(found)}
            ranged = {marks.RANGE_LOW} if limits else set()
            known = replace(known, marks=frozenset({*wrong, *ranged}))

            def of(rows: Any) -> tuple[Any, dict[str, Flag]]:
                if view.patient:
                    rows = marks.with_person(rows, self._persons)
                if limits and view.quantity:
                    rows = raw_ranges.with_limits(rows, limits, view.quantity.code)
                for mark, found in wrong.items():
                    rows = marks.with_mark(rows, found, mark)
                return rows, flags_of(name, view, rows, known)

            yield Judged(rows, of)
        finally:
            self._forget(before)

    def _wrong(self, name: str, known: Known) -> dict[str, Any]:
        """By mark: the resources that are wrong for what another row or table says."""
        view, rows = VIEWS[name], self._tables[name]
        wrong = {}
        if view.same:
            wrong[marks.DUPLICATE] = marks.duplicates(view, rows, self.engine)
        if pointing := [one for one in known.references if one[-1]]:
            wrong[marks.DANGLING] = marks.dangling(name, self._tables, pointing)
        if name == "observation":
            wrong[marks.EMPTY] = marks.without_value(view, self._tables)
        if name == "imaging_study":
            wrong[marks.NO_MODALITY] = marks.without_modality(self._tables)
        return wrong

    def _known_systems(self, rows: Any) -> tuple[str, ...]:
        """The texts of code systems that count as known, as they stand in the rows."""
        texts = [row["code_system"] for row in self.rows(rows.select("code_system").distinct())]
        named = {text: code_systems.normalise_system(text) for text in texts}
        known = (text for text, system in named.items() if system and recognised(system, self._systems))
        return tuple(sorted(known))

    def _units(self, rows: Any, quantity: Quantity) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts of unit systems that mean UCUM, and those of units that UCUM knows, as they stand in the rows."""
        asked = {"unit": rows[quantity.code], **({"system": rows[quantity.system]} if quantity.system else {})}
        texts = self.rows(rows.filter(rows[quantity.value].notnull()).select(**asked).distinct())
        systems = {text for row in texts if (text := row.get("system"))}
        ucum = sorted(text for text in systems if code_systems.normalise_system(text) == code_systems.UCUM)
        units = {text for row in texts if (text := row["unit"])}
        return tuple(ucum), tuple(sorted(text for text in units if is_unit(text)))

    def _references(self, name: str) -> tuple[tuple[str, str, str, tuple[str, ...]], ...]:
        """(check, column, target, sites that hold any of the target): where there is none, nobody asked for it."""
        return tuple(
            (check, column, target, self.sites(target)) for check, view, column, target in REFERENCES if view == name
        )

    def _limits(self, rows: Any, name: str) -> list[tuple[str, str, str, float, float]]:
        """The limits of the codes and units that stand in the rows."""
        quantity = VIEWS[name].quantity
        if quantity is None or not quantity.measured:
            return []
        codings = rows.filter(rows.code.isin(raw_ranges.codes()) & rows[quantity.value].notnull())
        texts = codings.select("code_system", "code", unit=quantity.code).distinct()
        return raw_ranges.limits((row["code_system"], row["code"], row["unit"]) for row in self.rows(texts))

    def _forget(self, down_to: int) -> None:
        while len(self._kept) > down_to:
            self.engine.forget(self._con, self._kept.pop())

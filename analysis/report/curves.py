"""Kaplan-Meier rows gathered into curves: what the figure draws and the table behind it prints."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.report.lookup import Cell, Lookup, Row

TABLE_ROWS = 120  # an arm with more steps is printed at this many times; the file of results holds every step


def printed(total: int) -> list[int]:
    """Which of so many steps a table prints: at most ``TABLE_ROWS``, first and last always among them."""
    if total <= TABLE_ROWS:
        return list(range(total))
    return sorted({round(i * (total - 1) / (TABLE_ROWS - 1)) for i in range(TABLE_ROWS)})


@dataclass(frozen=True)
class Step:
    """The curve at one time (in the study's unit), with its rows by statistic."""

    time: float
    rows: dict[str, Row]

    def value(self, statistic: str) -> float | None:
        row = self.rows.get(statistic)
        return None if row is None else row.value


@dataclass(frozen=True)
class Curve:
    """One arm's curve, steps in order of time."""

    label: str
    steps: tuple[Step, ...]
    at_start: float | None  # number at risk at time 0
    of: str = "survival"  # the statistic that is drawn
    start: float = 1.0  # its value before the first step

    @property
    def drawn(self) -> tuple[Step, ...]:
        """The steps whose level may be shown."""
        return tuple(step for step in self.steps if step.value(self.of) is not None)

    def level(self, step: Step) -> float:
        """The height of a drawn step."""
        return step.value(self.of) or 0.0

    @property
    def thinned(self) -> tuple[Step, ...]:
        """At most ``TABLE_ROWS`` steps, first and last always among them."""
        return tuple(self.steps[i] for i in printed(len(self.steps)))


@dataclass(frozen=True)
class Tick:
    """A column of the table under the curves."""

    time: float
    level: str


def curve_of(lookup: Lookup, endpoint: str, label: str) -> Curve:
    """The curve of one arm; empty when the results hold none."""
    by_time: dict[str, dict[str, Row]] = {}
    for row in lookup.index.of(endpoint, "km"):
        if row.group == label:
            by_time.setdefault(row.level, {})[row.statistic] = row
    steps = sorted((Step(float(level), rows) for level, rows in by_time.items()), key=lambda s: s.time)
    start = [
        row.value
        for row in lookup.index.of(endpoint, "risk_table")
        if row.group == label and row.statistic == "at_risk" and float(row.level) == 0 and row.value is not None
    ]
    first = next((s.value("at_risk") for s in steps if s.value("at_risk") is not None), None)
    return Curve(label, tuple(steps), start[0] if start else first)


def ticks_of(lookup: Lookup, endpoint: str) -> tuple[Tick, ...]:
    """The times of the risk table, in order: they are the ticks of the axis too."""
    levels = {row.level for row in lookup.index.of(endpoint, "risk_table")}
    return tuple(sorted((Tick(float(level), level) for level in levels), key=lambda t: t.time))


def risk_cells(lookup: Lookup, endpoint: str, label: str, statistic: str, ticks: tuple[Tick, ...]) -> list[Cell]:
    """One row of the risk table."""
    return [lookup.cell(endpoint, "risk_table", statistic, group=label, level=t.level, quiet=True) for t in ticks]

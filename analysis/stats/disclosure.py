"""Small-count suppression: the only door outwards. The rules, in words: ``docs/statistics.md``.

Blunt on purpose: where one cell of a table is small, the whole table goes, so that nothing can be had by subtraction.
What is suppressed keeps its row with an empty value, an empty n and the warning ``suppressed``; Kaplan-Meier rows are
dropped instead, because their very ids hold the times of single subjects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.rows import TOTAL

if TYPE_CHECKING:
    import pandas as pd

SUPPRESSED = "suppressed"
PEOPLE = ("count", "n", "missing", "events", "censored", "at_risk", "unusable")
"""Statistics that count subjects."""

_TABLE = ("count", "percent", "expected_below_5")
_ONE_PERSON = ("min", "max")
_QUANTILES = ("q1", "median", "q3")
_STATUS = ("events", "censored", "unusable")


def suppress(results: pd.DataFrame, min_count: int) -> pd.DataFrame:
    """The results as they may leave the site: no figure that shows, or lets one work out, a count of 1 to
    ``min_count`` - 1 subjects. ``min_count`` 0 or 1 leaves everything; the columns and the order stay.
    """
    if min_count <= 1:
        return results.copy()
    table = _Table(results, min_count)
    table.small_arms()
    table.flow()
    table.baseline()
    table.response()
    for endpoint in table.endpoints():
        table.endpoint(endpoint)
    table.sensitivity()
    table.rest()
    return table.released()


class _Table:
    """The results with a mark on each row: hidden, its n hidden, or dropped."""

    def __init__(self, results: pd.DataFrame, min_count: int) -> None:
        self.rows = results.reset_index(drop=True)
        self.k = min_count
        self.hidden = np.zeros(len(self.rows), dtype=np.bool_)
        self.no_n = np.zeros(len(self.rows), dtype=np.bool_)
        self.dropped = np.zeros(len(self.rows), dtype=np.bool_)
        self._columns = {
            c: self.rows[c].astype(str).to_numpy() for c in ("parameter", "variable", "statistic", "method")
        }
        self._group = self.rows["group"].astype(str).to_numpy()
        self._level = self.rows["level"].astype(str).to_numpy()
        self._time = np.array([_time(level) for level in self._level])
        self._value = self.rows["value"].to_numpy(dtype="float64")
        self._n = self.rows["n"].astype("float64").to_numpy()

    def released(self) -> pd.DataFrame:
        out = self.rows.copy()
        out.loc[self.hidden, "value"] = float("nan")
        out.loc[self.hidden, "warning"] = SUPPRESSED
        out["n"] = out["n"].mask(self.hidden | self.no_n)
        return out[~self.dropped].reset_index(drop=True)

    def at(self, **asked: str | Iterable[str]) -> np.ndarray:
        """A mask of the rows whose columns have the asked values."""
        found = np.ones(len(self.rows), dtype=np.bool_)
        for column, wanted in asked.items():
            values = {"group": self._group, "level": self._level}.get(column)
            values = self._columns[column] if values is None else values
            found &= np.isin(values, [wanted] if isinstance(wanted, str) else list(wanted))
        return found

    def small(self, values: np.ndarray) -> np.ndarray:
        return (values >= 1) & (values < self.k)

    def any_small(self, mask: np.ndarray) -> bool:
        return bool(self.small(self._value[mask]).any())

    def number(self, **asked: str) -> float:
        """The value of the one row asked for; NaN where there is none."""
        found = self._value[self.at(**asked)]
        return float(found[0]) if found.size else float("nan")

    def small_arms(self) -> None:
        """An arm of too few subjects: nothing is shown by arm."""
        by_arm = self.at(parameter="flow", variable="analysed") & ~self.at(group=TOTAL)
        if self.any_small(by_arm):
            self.hidden |= ~self.at(group=TOTAL)
            self.dropped |= self.at(variable="km")

    def flow(self) -> None:
        """Reasons add up to the excluded, and these with the analysed to the screened."""
        flow = self.at(parameter="flow")
        sums = self.at(parameter="flow", variable=("screened", "excluded", "analysed"))
        if self.any_small(flow & ~sums):
            self.hidden |= flow & ~sums
        if self.any_small(self.at(parameter="flow", variable=("excluded", "screened"))):
            self.hidden |= flow & ~self.at(variable="analysed")
            self.no_n |= flow

    def baseline(self) -> None:
        """Each covariate's categories are one table, with what was computed from it."""
        variables = sorted(set(self._columns["variable"][self.at(parameter="baseline")]))
        for variable in variables:
            mine = self.at(parameter="baseline", variable=variable)
            counts = mine & self.at(statistic="count")
            from_table = self.at(statistic=_TABLE) | self.at(statistic="smd", method="categories")
            if counts.any():
                from_table |= self.at(statistic="p", method=("chi2", "fisher", "mann_whitney"))
            missing = self.any_small(mine & self.at(statistic="missing"))
            if missing:
                # n and missing add up to the arm; the categories add up to n.
                self.hidden |= mine & self.at(statistic=("n", "missing"))
                self.no_n |= mine
            if missing or self.any_small(counts):
                self.hidden |= mine & from_table
            few = self._n < 2 * self.k
            self.hidden |= mine & (self.at(statistic=_ONE_PERSON) | (self.at(statistic=_QUANTILES) & few))

    def response(self) -> None:
        """Best response by level, and the two rates that are sums of levels."""
        mine = self.at(parameter="response")
        if not mine.any():
            return
        best = mine & self.at(variable="best")
        if self.any_small(best & self.at(statistic="count")):
            self.hidden |= best
        for group in {*self._group[mine & self.at(variable=("orr", "dcr"), statistic="count")]}:
            counted = {
                v: self.number(parameter="response", variable=v, group=group, statistic="count") for v in ("orr", "dcr")
            }
            size = self._n[mine & self.at(variable="orr", group=group, statistic="count")]
            n = float(size[0]) if size.size else float("nan")
            orr, dcr = counted["orr"], counted["dcr"]
            if self.small(np.array([orr, dcr, n - orr, n - dcr, abs(dcr - orr)])).any():
                self.hidden |= mine & self.at(variable=("orr", "dcr"))
        counts = mine & self.at(variable=("assessments", "assessments_without_imaging"))
        if self.any_small(counts):
            self.hidden |= counts

    def endpoints(self) -> list[str]:
        return sorted(
            set(self._columns["parameter"][self.at(variable="risk_table") | self.at(variable=("events", "logrank"))])
        )

    def endpoint(self, name: str) -> None:
        """Events and censorings, the curve at kept ticks only, and medians that rest on enough events."""
        mine = self.at(parameter=name)
        status = mine & self.at(variable=_STATUS, statistic="n")
        events_small = self.any_small(status)
        few_groups = [
            g
            for g in sorted(set(self._group[status]))
            if self.number(parameter=name, variable="events", group=g) < self.k
        ]
        for group in few_groups:
            self.hidden |= mine & self.at(variable="median", group=group)
        few = self._n < 2 * self.k
        self.hidden |= mine & self.at(variable="median") & few
        self.hidden |= mine & self.at(variable="follow_up", statistic=_ONE_PERSON)
        self.hidden |= mine & self.at(variable="follow_up", statistic="median") & few
        self._curve(name)
        models = mine & self.at(variable=("cox_univariate", "cox_adjusted", "cox_stepwise", "ph_test"))
        if self.number(parameter=name, variable="events", group=TOTAL) < self.k:
            self.hidden |= models
        missing = self.any_small(self.at(parameter="baseline", statistic="missing"))
        if events_small or missing:
            self.hidden |= status
            self.hidden |= models & self.at(statistic=("n", "events"))
            self.no_n |= mine

    def _curve(self, name: str) -> None:
        """Keep ticks between which every group has 0 or enough events and censorings; the curve at these alone."""
        mine = self.at(parameter=name)
        risk = mine & self.at(variable="risk_table")
        ticks = sorted({float(level) for level in self._level[risk]})
        groups = sorted(set(self._group[risk]))
        counts = {
            (tick, group, statistic): self._value[row]
            for row in np.flatnonzero(risk)
            for tick, group, statistic in [(float(self._level[row]), self._group[row], self._columns["statistic"][row])]
        }
        kept: list[float] = []
        last = {(group, statistic): 0.0 for group in groups for statistic in ("events", "censored")}
        for tick in ticks:
            now = {(g, s): counts.get((tick, g, s), float("nan")) for g in groups for s in ("events", "censored")}
            steps = np.array([now[key] - last[key] for key in now])
            at_risk = np.array([counts.get((tick, g, "at_risk"), float("nan")) for g in groups])
            if not (np.isnan(steps).any() or self.small(steps).any() or self.small(at_risk).any()):
                kept.append(tick)
                last = now
        for tick in set(ticks) - set(kept):
            self.hidden |= risk & (self._time == tick)
        km = mine & self.at(variable="km")
        for group in sorted(set(self._group[km])):
            rows = km & self.at(group=group)
            times = sorted({float(level) for level in self._level[rows]})
            shown = {max((t for t in times if t < tick), default=0.0) for tick in kept} | {0.0}
            self.dropped |= rows & ~np.isin(self._time, sorted(shown))
        self.hidden |= km & self.at(statistic=("at_risk", "events", "censored"))

    def sensitivity(self) -> None:
        """Sets that differ by a few subjects or events give these away by subtraction."""
        sets = np.char.startswith(self._columns["parameter"].astype(str), "sensitivity:")
        if not sets.any():
            return
        for statistic in ("n", "events"):
            rows = sets & self.at(statistic=statistic)
            for endpoint in sorted(set(self._columns["variable"][rows])):
                mine = rows & self.at(variable=endpoint)
                for group in sorted(set(self._group[mine])):
                    values = list(self._value[mine & self.at(group=group)])
                    values += list(self._main(endpoint, statistic, group))
                    gaps = np.array([abs(a - b) for i, a in enumerate(values) for b in values[:i]] or [0.0])
                    if self.small(gaps).any() or self.small(np.array(values)).any():
                        self.hidden |= sets & self.at(statistic=("n", "events"))
                        self.no_n |= sets

    def _main(self, endpoint: str, statistic: str, group: str) -> Iterator[float]:
        """The same count of the main analysis, from the row of treatment."""
        rows = self.at(parameter=endpoint, variable="cox_univariate", statistic=statistic, group=group)
        yield from self._value[rows]

    def rest(self) -> None:
        """Whatever is still a small count of subjects, and whatever rests on so few."""
        counts = self.at(statistic=PEOPLE) & ~self.at(parameter="alpha_crossing")
        self.hidden |= counts & self.small(self._value)
        self.hidden |= self.small(self._n) & ~self.no_n


def _time(level: str) -> float:
    try:
        return float(level)
    except ValueError:
        return float("nan")

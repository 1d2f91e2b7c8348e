"""Small-count suppression: the only door outwards. The rules, in words: ``docs/statistics.md``.

Blunt on purpose: where one cell of a table is small, the whole table goes, so that nothing can be had by subtraction.
What is suppressed keeps its row with an empty value, an empty n and the warning ``suppressed``; Kaplan-Meier rows are
dropped instead, because their very ids hold the times of single subjects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.disclosure_survival import hide_landmarks_and_means
from analysis.stats.disclosure_weighting import hide_weighting
from analysis.stats.rows import TOTAL

if TYPE_CHECKING:
    import pandas as pd

SUPPRESSED = "suppressed"
PEOPLE = ("count", "n", "missing", "events", "censored", "at_risk", "unusable")
"""Statistics that count subjects."""

_TABLE = ("count", "percent", "expected_below_5")
_ONE_PERSON = ("min", "max")
_STATUS = ("events", "censored", "unusable")
_ASSESSED = ("assessments", "assessments_without_imaging")
# Cross tables and modalities of assessments, what is pooled over sites, treatment, adverse events: margins of tables.
_NO_RULE = ("treatment", "adverse_events", "agreement", "imaging", "cmh", "mantel_haenszel_or", "mantel_haenszel_rd")
# Competing events are a part of the censored, and incidences tell counts; the curves' ids hold single subjects' times.
_COMPETING = ("competing", "incidence_table", "incidence_table_competing", "gray", "gray_competing")
_COMPETING_CURVES = ("incidence", "incidence_competing")
_MODELS = ("cox_univariate", "cox_adjusted", "cox_stepwise", "ph_test")


def suppress(results: pd.DataFrame, min_count: int) -> pd.DataFrame:
    """The results as they may leave the site: no figure that shows, or lets one work out, a count of 1 to
    ``min_count`` - 1 subjects. ``min_count`` 0 or 1 leaves everything; the columns and the order stay.
    """
    if min_count <= 1:
        return results.copy()
    table = Table(results, min_count)
    table.small_arms()
    table.flow()
    table.baseline()
    table.response()
    for endpoint in table.endpoints():
        table.endpoint(endpoint)
        hide_landmarks_and_means(table, endpoint)
        table.models(endpoint)
    hide_weighting(table)
    table.without_a_rule()
    table.rest()
    table.crossings()
    return table.released()


class Table:
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
        self._n = self.rows["n"].astype("Float64").to_numpy(dtype="float64", na_value=np.nan)

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
            found &= np.isin(self.columns(column), [wanted] if isinstance(wanted, str) else list(wanted))
        return found

    def columns(self, name: str) -> np.ndarray:
        """One of the text columns."""
        return {"group": self._group, "level": self._level, **self._columns}[name]

    def values(self, mask: np.ndarray | None = None) -> np.ndarray:
        """The values as they came, of all rows or of those asked for."""
        return self._value if mask is None else self._value[mask]

    def sizes(self, mask: np.ndarray | None = None) -> np.ndarray:
        """The n as they came, of all rows or of those asked for."""
        return self._n if mask is None else self._n[mask]

    def small(self, values: np.ndarray) -> np.ndarray:
        return (values >= 1) & (values < self.k)

    def any_small(self, mask: np.ndarray) -> bool:
        return bool(self.small(self._value[mask]).any())

    def number(self, **asked: str) -> float:
        """The value of the one row asked for; NaN where there is none."""
        found = self._value[self.at(**asked)]
        return float(found[0]) if found.size else float("nan")

    def small_arms(self) -> None:
        """An arm of too few subjects: nothing is shown by arm; too few in all: nothing at all."""
        analysed = self.at(parameter="flow", variable="analysed")
        if self.any_small(analysed & ~self.at(group=TOTAL)):
            self.hidden |= ~self.at(group=TOTAL)
            self.dropped |= self.at(variable="km")
        if self.any_small(analysed & self.at(group=TOTAL)):
            self.hidden[:] = True

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
            if self.any_small(mine & self.at(statistic="n")):
                self.hidden |= mine  # the mean of one arm follows from those of the other and of all
            self.hidden |= mine & (self.at(statistic=_ONE_PERSON) | self.few("median", 2) | self.few(("q1", "q3"), 4))

    def few(self, statistic: str | Iterable[str], shares: int) -> np.ndarray:
        """Quantiles without ``k`` subjects on either side: they are single subjects' values."""
        return self.at(statistic=statistic) & (self._n < shares * self.k)

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
        assessed = mine & self.at(variable=("assessments", "assessments_without_imaging"))
        sizes = mine & self.at(variable="orr", statistic="count")
        arms = {g: self.number(parameter="flow", variable="analysed", group=g) for g in set(self._group[sizes])}
        left_out = np.array([arms[self._group[row]] - self._n[row] for row in np.flatnonzero(sizes)])
        if self.small(left_out).any() or self.small(self._n[sizes]).any():
            self.hidden |= mine & ~assessed  # subjects left out of the rates are a margin of them
        for group in sorted(set(self._group[assessed])):
            both, without = (self._value[assessed & self.at(group=group, variable=v)] for v in _ASSESSED)
            if self.any_small(assessed) or self.small(both - without).any():
                self.hidden |= assessed

    def endpoints(self) -> list[str]:
        return sorted(
            set(self._columns["parameter"][self.at(variable="risk_table") | self.at(variable=("events", "logrank"))])
        )

    def endpoint(self, name: str) -> None:
        """Events and censorings, the curve at kept ticks only, and times that rest on enough subjects."""
        mine = self.at(parameter=name)
        status = mine & self.at(variable=_STATUS, statistic="n")
        if self.small(self._n[status]).any():
            self.hidden |= mine  # an arm with few usable times is an arm of few subjects
            self.dropped |= mine & self.at(variable="km")
        for group in sorted(set(self._group[status])):
            if self.any_small(status & self.at(variable="events", group=group)):
                self.hidden |= mine & self.at(variable="median", group=group)
        self.hidden |= mine & self.at(variable="median") & (self._n < 2 * self.k)
        self.hidden |= mine & self.at(variable="follow_up") & (self.at(statistic=_ONE_PERSON) | self.few("median", 2))
        self._late_times(name)
        self._curve(name)
        if self.any_small(status):
            self.hidden |= status
            self.no_n |= mine

    def _late_times(self, name: str) -> None:
        """Medians and their limits at which fewer than ``k`` subjects were at risk are hidden."""
        at_risk = self.at(parameter=name, variable="km", statistic="at_risk")
        curves = {}
        for group in sorted(set(self._group[at_risk])):
            rows = np.flatnonzero(at_risk & self.at(group=group))
            rows = rows[np.argsort(self._time[rows])]
            curves[group] = self._time[rows], self._value[rows]
        for row in np.flatnonzero(self.at(parameter=name, variable=("median", "follow_up"))):
            group, value = self._group[row], self._value[row]
            if np.isnan(value):
                continue
            wanted = [curves[group]] if group in curves else [curves[g] for g in curves if group == TOTAL]
            # The curve's times carry four decimals, the median all of them.
            left = [counts[max(np.searchsorted(times, value + 5e-5, "right") - 1, 0)] for times, counts in wanted]
            if left and sum(left) < self.k:
                self.hidden[row] = True

    def _curve(self, name: str) -> None:
        """Keep ticks between which every group has 0 or enough events and censorings; the curve at these alone."""
        mine = self.at(parameter=name)
        risk = mine & self.at(variable="risk_table")
        ticks = sorted({float(level) for level in self._level[risk]})
        groups = sorted(set(self._group[risk]))
        counts = {
            (self._time[row], self._group[row], self._columns["statistic"][row]): self._value[row]
            for row in np.flatnonzero(risk)
        }
        statistics = ("events", "censored")
        series = {t: np.array([[counts.get((t, g, s), np.nan) for s in statistics] for g in groups]) for t in ticks}
        end = np.array([[self.number(parameter=name, variable=s, group=g) for s in statistics] for g in groups])
        kept = ticks
        for k in range(2, self.k + 1):  # step by step, so that a higher k never shows what a lower one hides
            kept = self._kept(kept, series, end, k)
        for tick in set(ticks) - set(kept):
            self.hidden |= risk & (self._time == tick)
        km = mine & self.at(variable="km")
        for group in sorted(set(self._group[km])):
            rows = km & self.at(group=group)
            times = sorted({float(level) for level in self._level[rows]})
            shown = {max((t for t in times if t < tick), default=0.0) for tick in kept} | {0.0}
            self.dropped |= rows & ~np.isin(self._time, sorted(shown))
            if self.any_small(rows & (self._time == 0) & self.at(statistic=statistics)):
                self.hidden |= rows & (self._time == 0)
        self.hidden |= km & self.at(statistic=("at_risk", *statistics))

    @staticmethod
    def _kept(ticks: list[float], series: dict[float, np.ndarray], end: np.ndarray, k: int) -> list[float]:
        """The ticks of those given that may stay. ``series`` and ``end``: (groups, events and censored) up to there."""

        def small(counts: np.ndarray) -> bool:
            return bool(((counts >= 1) & (counts < k)).any())

        kept: list[float] = []
        last = np.zeros_like(end)
        for tick in ticks:
            now = series[tick]
            after = (end - now)[now.sum(axis=1) > 0]
            # Where the sums up to the end are hidden anyway, only the number at risk bounds what comes after.
            after = after.sum(axis=1) if small(end) else after
            if not (np.isnan(now).any() or small(now - last) or small(after)):
                kept.append(tick)
                last = now
        return kept

    def models(self, name: str) -> None:
        """Counts of models go together where any two of them, or one and the endpoint's own, differ by few."""
        own = self.at(parameter=name)
        sets = np.char.startswith(self._columns["parameter"].astype(str), "sensitivity:") & self.at(variable=name)
        fitted = (own & self.at(variable=_MODELS)) | sets
        events, censored = (self.number(parameter=name, variable=v, group=TOTAL) for v in ("events", "censored"))
        if self.small(np.array([events])).any():
            self.hidden |= fitted
        sizes = np.unique([(events + censored, events, censored), *self._sizes(fitted)], axis=0)
        gaps = [np.abs(a - b) for i, a in enumerate(sizes) for b in sizes[:i]]
        tests = (own & self.at(variable="logrank")) | (sets & self.at(method="logrank"))
        for group in sorted(set(self._group[tests])):  # with three arms, each test has subjects of its own
            asked = np.unique(self._n[tests & self.at(group=group)])
            gaps.append(np.abs(asked[:, None] - asked).ravel())
        missing = self.any_small(self.at(parameter="baseline", statistic="missing"))
        hidden_status = self.any_small(own & self.at(variable=_STATUS, statistic="n"))
        if missing or hidden_status or self.small(np.concatenate([sizes.ravel(), *gaps])).any():
            self.hidden |= fitted & self.at(statistic=("n", "events"))
            self.no_n |= fitted
        self._ratios(own, sets)

    def _sizes(self, fitted: np.ndarray) -> list[tuple[float, float, float]]:
        """Subjects, events and censored of each model; a model of too few hides its level."""
        found: dict[tuple[str, str, str, str, str], dict[str, float]] = {}
        for row in np.flatnonzero(fitted & self.at(statistic=("n", "events"))):
            parameter, variable, method = (self._columns[c][row] for c in ("parameter", "variable", "method"))
            key = (parameter, variable, method, self._level[row], self._group[row])
            found.setdefault(key, {})[self._columns["statistic"][row]] = self._value[row]
        for key, counts in found.items():
            if self.small(np.array(list(counts.values()))).any():
                self.hidden |= fitted & self.at(parameter=key[0], level=key[3])
        pairs = [(counts.get("n", np.nan), counts.get("events", np.nan)) for counts in found.values()]
        return [(n, events, n - events) for n, events in pairs]

    def _ratios(self, own: np.ndarray, sets: np.ndarray) -> None:
        """The standard error of a ratio of two groups alone tells the events of the smaller: 1/d1 + 1/d2."""
        alone = own & self.at(variable=("cox_univariate", "cox_stepwise", "ph_test")) & ~self.at(statistic="entered")
        alone &= ~self.at(method="score_km_adjusted")
        by_arm = own & self.at(variable="events", statistic="n") & ~self.at(group=TOTAL)
        terms = np.array([level.split("=")[0] for level in self._level])
        if self.any_small(by_arm):
            self.hidden |= (alone & (terms == "treatment")) | (sets & ~self.at(method="logrank"))
        counts = self.at(parameter="baseline", statistic="count")
        for variable in sorted(set(self._columns["variable"][counts & self.small(self._value)])):
            self.hidden |= alone & (terms == variable)

    def without_a_rule(self) -> None:
        """Figures that small counts might be worked out of and for which no rule has been shown to hold: all go."""
        self.hidden |= self.at(parameter=_NO_RULE) | self.at(method=_NO_RULE)
        sets = np.char.startswith(self._columns["parameter"].astype(str), "sensitivity:")
        self.hidden |= sets & ~self.at(variable=self.endpoints())  # side by side: only the ratios have a rule
        self.hidden |= self.at(variable=_COMPETING)
        self.dropped |= self.at(variable=_COMPETING_CURVES)

    def crossings(self) -> None:
        """On which side of alpha a P value lies is not told where the P itself is not; after all other rules."""
        sets = np.char.startswith(self._columns["parameter"].astype(str), "sensitivity:")
        tested = self.at(statistic="p")
        for row in np.flatnonzero(self.at(parameter="alpha_crossing")):
            outcome, group = self._columns["variable"][row], self._group[row]
            own = self.at(parameter=outcome, variable=("cox_univariate", "logrank"))
            own |= (self.at(parameter="response") | sets) & self.at(variable=outcome)
            self.hidden[row] |= bool((own & tested & self.hidden & self.at(group=group)).any())

    def rest(self) -> None:
        """Whatever is still a small count of subjects, and whatever rests on so few."""
        counts = self.at(statistic=PEOPLE) & ~self.at(parameter="alpha_crossing")
        self.hidden |= counts & self.small(self._value)
        self.hidden |= self.small(self._n)


def _time(level: str) -> float:
    try:
        return float(level)
    except ValueError:
        return float("nan")

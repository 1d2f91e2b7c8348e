"""Whole results against an attacker who solves every sum at once. Oracle: linear programming over all that is shown.

The unknowns are the subjects in each category, level, reason and interval of the risk table, by arm. Every figure shown
is an equation in them. A small count is safe where the equations leave it at least two whole numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from analysis.stats.disclosure import PEOPLE, suppress
from analysis.stats.results import analyse
from analysis.study.model import Study
from tests.fixtures.sample_frames import adtte_of, sample_study

STUDY = sample_study()
ARMS = tuple(arm.label for arm in STUDY.arm)
GROUPS = {**{a: (a,) for a in ARMS}, "total": ARMS, f"{ARMS[0]} vs {ARMS[1]}": ARMS}
RATES = {"orr": STUDY.response.responders, "dcr": STUDY.response.controlled}
LEVELS = (*STUDY.response.order, "NE")


def made_up_results(seed: int, study: Study = STUDY) -> pd.DataFrame:
    """The sample study on a random cohort with rare categories, missing values, few censored and few excluded."""
    rng = np.random.default_rng(seed)
    n, left = int(rng.integers(24, 160)), int(rng.integers(0, 25))
    table = pd.DataFrame({"USUBJID": [f"S{i:04d}" for i in range(n + left)], "SITEID": "a"})
    table["TRT01A"] = rng.choice(ARMS, n + left, p=rng.choice([0.5, 0.2, 0.08]) * np.array([1, -1]) + np.array([0, 1]))
    table.loc[:1, "TRT01A"] = ARMS
    for name, covariate in STUDY.covariate.items():
        levels = covariate.categories
        shares = rng.dirichlet(np.full(len(levels), rng.choice([0.3, 2.0])))
        column = pd.Series(rng.choice(levels, n + left, p=shares), dtype="object")
        if rng.uniform() < 0.3:
            column[rng.uniform(size=n + left) < rng.choice([0.03, 0.2])] = None
        table[f"{name}_cat" if covariate.cut else name] = column
        if covariate.cut:
            table[name] = np.where(column.isna(), np.nan, rng.uniform(1, 9, n + left))
    table["BOR"] = rng.choice(LEVELS, n + left, p=rng.dirichlet(np.full(len(LEVELS), 1.0)))
    for endpoint in STUDY.endpoint:
        table[f"{endpoint.id}_AVAL"] = np.ceil(rng.exponential(200, n + left))
        table[f"{endpoint.id}_CNSR"] = (rng.uniform(size=n + left) < rng.choice([0.05, 0.4, 0.95])).astype(int)
    analysed = table.iloc[:n].reset_index(drop=True)
    adsl = table.assign(ANL01FL=["Y"] * n + ["N"] * left, EXCLRSN=None)
    reasons = [criterion.id for criterion in STUDY.criterion]
    adsl.loc[n:, "EXCLRSN"] = rng.choice(reasons, left, p=rng.dirichlet(np.full(len(reasons), 0.5)))
    seen = analysed[["USUBJID", "TRT01A"]].assign(PARAMCD="OVRLRESP", AVALC="SD", ACCEPTED="Y", IMAGING="Y")
    return analyse(study, adsl, seen, adtte_of(analysed, tuple(e.id for e in STUDY.endpoint)), analysed)


@dataclass
class Attacker:
    """What each row's value and n are sums of, and the equations that the shown ones give."""

    results: pd.DataFrame
    equations: list[tuple[Counter, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        tables = self.results[self.results["variable"] == "risk_table"]
        self.ticks = {p: sorted({float(x) for x in part["level"]}) for p, part in tables.groupby("parameter")}
        flow = set(self.results.loc[self.results["parameter"] == "flow", "variable"])
        self.reasons = flow - {"screened", "excluded", "analysed"}
        self.names = {str(v) for v in self.results.loc[self.results["parameter"] == "baseline", "variable"]}
        for arm in ARMS:
            size = Counter({("size", arm): -1})
            for endpoint in self.ticks:
                self.equations.append(
                    (self.usable(endpoint, (arm,)) + Counter({("un", endpoint, arm): 1}) + Counter(), 0)
                )
                self.equations[-1][0].update(size)
            self.equations.append((Counter({("level", x, arm): 1 for x in LEVELS} | dict(size)), 0))
            for v in self.names:
                cells = self.known(v, (arm,)) + Counter({("missing", v, arm): 1})
                cells.update(size)
                self.equations.append((cells, 0))

    def usable(self, endpoint: str, arms: tuple[str, ...], kinds: tuple[str, ...] = ("events", "censored")) -> Counter:
        spans = range(len(self.ticks[endpoint]))
        return Counter({(kind, endpoint, i, arm): 1 for kind in kinds for i in spans for arm in arms})

    def known(self, v: str, arms: tuple[str, ...]) -> Counter:
        return Counter({("cell", v, x, arm): 1 for x in STUDY.covariate[v].categories for arm in arms})

    @staticmethod
    def weighted_in_a_set(row, kind: str) -> Counter | None:
        """The subjects or events of a sensitivity set's weighted comparison; None for any other row."""
        if not (
            row.parameter.startswith("sensitivity:") and row.variable.endswith(("weights", "balance", "_weighted"))
        ):
            return None
        return Counter({(kind, row.parameter, row.variable, arm): 1 for arm in GROUPS[row.group]})

    def value_of(self, row) -> Counter | None:
        """The sum of unknowns that a count is."""
        p, v, x, s, arms = row.parameter, row.variable, row.level, row.statistic, GROUPS[row.group]
        sizes = Counter({("size", arm): 1 for arm in ARMS})
        if s not in PEOPLE or p == "alpha_crossing" or v.startswith("assessments"):
            return None
        of_a_set = self.weighted_in_a_set(row, s)
        if of_a_set is not None:
            return of_a_set
        if p == "flow":
            left = Counter({("reason", r): 1 for r in self.reasons})
            whole = {
                "screened": left + sizes,
                "excluded": left,
                "analysed": Counter({("size", arm): 1 for arm in arms}),
            }
            return whole.get(v, Counter({("reason", v): 1}))
        if p == "baseline":
            if s == "n":
                return self.known(v, arms)
            return Counter({("missing", v, a) if s == "missing" else ("cell", v, x, a): 1 for a in arms})
        if p == "response" or (p.startswith("sensitivity:") and v in RATES):
            return Counter({("level", y, a): 1 for y in RATES.get(v, (x,)) for a in arms})
        if p.startswith("sensitivity:") or (v == "cox_univariate" and x.startswith("treatment=")):
            return self.usable(
                v if p.startswith("sens") else p, ARMS, ("events",) if s == "events" else ("events", "censored")
            )
        if v in ("events", "censored"):
            return self.usable(p, arms, (v,))
        if v == "unusable":
            return Counter({("un", p, a): 1 for a in arms})
        if v == "risk_table":
            at = self.ticks[p].index(float(x))
            kinds = ("events", "censored") if s == "at_risk" else (s,)
            return Counter({key: 1 for key in self.usable(p, arms, kinds) if (key[2] >= at) == (s == "at_risk")})
        return None

    def n_of(self, row) -> Counter | None:
        """The sum of unknowns that a row's n is."""
        p, v, arms = row.parameter, row.variable, GROUPS[row.group]
        of_a_set = self.weighted_in_a_set(row, "n")
        if of_a_set is not None:
            return of_a_set
        if p == "flow":
            return Counter({**{("reason", r): 1 for r in self.reasons}, **{("size", a): 1 for a in ARMS}})
        if p == "baseline":
            return self.known(v, arms)
        if p == "response" or (p.startswith("sensitivity:") and v in RATES):
            return Counter({("size", a): 1 for a in arms})
        if p.startswith("sensitivity:") and v.endswith(("_median", "_survival")):
            return self.usable(v.partition("_")[0], arms)
        if p in self.ticks and v in (
            *("events", "censored", "unusable"),
            "km",
            "risk_table",
            "median",
            "follow_up",
            "landmark",
            "logrank",
        ):
            return self.usable(p, arms)
        if p.startswith("sensitivity:"):
            return self.usable(v, ARMS)
        return None

    def learn(self, shown: pd.DataFrame) -> None:
        """An equation for each value and n that is there, and for each percentage."""
        for row in shown.itertuples():
            of_value, of_n = self.value_of(row), self.n_of(row)
            if of_value is not None and not np.isnan(row.value):
                self.equations.append((of_value, row.value))
            if of_n is not None and not pd.isna(row.n):
                self.equations.append((of_n, float(row.n)))
            if row.statistic == "percent" and not np.isnan(row.value):
                count = self.value_of(row._replace(statistic="count"))
                if count is None:
                    continue  # a weighted share is of no whole number
                share = Counter({key: 100.0 * times for key, times in count.items()})
                share.subtract(dict.fromkeys(of_n, row.value))
                self.equations.append((share, 0.0))

    def targets(self) -> list[tuple[str, Counter, float]]:
        """Every count of subjects there is, shown or not, with the truth."""
        found = [(r.id, self.value_of(r), r.value) for r in self.results.itertuples() if not np.isnan(r.value)]
        found += [(f"n of {r.id}", self.n_of(r), float(r.n)) for r in self.results.itertuples() if not pd.isna(r.n)]
        for endpoint in self.ticks:
            rows = self.results[(self.results["parameter"] == endpoint) & (self.results["variable"] == "risk_table")]
            for (arm, s), part in rows[rows["statistic"] != "at_risk"].groupby(["group", "statistic"]):
                if arm in ARMS:
                    end = self.results.loc[self.results["id"] == f"{endpoint}.{s}..{arm}.n.", "value"].iloc[0]
                    sums = [*part.set_index(part["level"].astype(float))["value"].sort_index(), end]
                    for i, step in enumerate(np.diff(sums)):
                        found.append((f"{s} of {arm} after tick {i}", Counter({(s, endpoint, i, arm): 1}), step))
        return list({tuple(sorted(e.items())): (name, e, float(t)) for name, e, t in found if e is not None}.values())

    def derived(self, min_count: int) -> list[str]:
        """The small counts that can have one value only."""
        targets = [t for t in self.targets() if 1 <= t[2] < min_count]
        keys = sorted({key for e, _ in self.equations for key in e} | {k for _, e, _ in targets for k in e}, key=str)
        column = {key: j for j, key in enumerate(keys)}

        def vector(sums: Counter) -> np.ndarray:
            out = np.zeros(len(keys))
            for key, times in sums.items():
                out[column[key]] += times
            return out

        matrix = np.array([vector(e) for e, _ in self.equations])
        values = np.array([v for _, v in self.equations])
        found = []
        for name, sums, truth in targets:
            ends = []
            for sign in (1, -1):
                out = linprog(sign * vector(sums), A_eq=matrix, b_eq=values, bounds=(0, None), method="highs")
                assert out.status in (0, 3), out.message  # solved, or without bound
                ends.append(np.inf if out.status == 3 else abs(out.fun))
                if sign == 1 and ends[0] <= truth - 1 + 1e-6:
                    break
            else:
                if ends[1] - ends[0] < 1 - 1e-6:
                    found.append(name)
        return found


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7))
def test_no_small_count_follows_from_all_that_is_shown(seed, min_count):
    results = made_up_results(seed)
    attacker = Attacker(results)
    attacker.learn(suppress(results, min_count))
    assert attacker.derived(min_count) == []


def test_the_attacker_finds_what_is_not_suppressed():
    """The oracle's own check: with all shown, every small count has one value; with one hidden, it is subtracted."""
    results = made_up_results(3)
    attacker = Attacker(results)
    attacker.learn(results)
    small = [name for name, _, truth in attacker.targets() if 1 <= truth < 5]
    assert small
    assert set(attacker.derived(5)) == set(small)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000))
def test_a_higher_minimum_hides_no_less_and_twice_is_once(seed):
    results = made_up_results(seed)
    shown: set[str] = set(results["id"])
    with_n: set[str] = set(results["id"])
    for min_count in (0, 2, 3, 4, 6, 9, 15, 200):
        out = suppress(results, min_count)
        pd.testing.assert_frame_equal(suppress(out, min_count), out)
        now = set(out.loc[out["warning"] != "suppressed", "id"])
        now_n = set(out.loc[out["n"].notna(), "id"])
        assert now <= shown
        assert now_n <= with_n
        shown, with_n = now, now_n
    assert not results["warning"].eq("suppressed").any()  # the frame given is not changed


@pytest.mark.parametrize("min_count", [0, 1])
def test_no_minimum_is_no_change(min_count):
    results = made_up_results(5)
    pd.testing.assert_frame_equal(suppress(results, min_count), results)

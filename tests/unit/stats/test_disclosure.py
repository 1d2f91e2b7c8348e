"""Small-count suppression. Oracle: an attacker who knows every margin and subtracts (enumerated by hand below)."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.disclosure import PEOPLE, SUPPRESSED, suppress
from analysis.stats.rows import Rows
from tests.fixtures.sample_frames import sample_results

ARMS = ("A", "B")
LEVELS = ("x", "y", "z")


def of_people(results: pd.DataFrame) -> pd.DataFrame:
    return results[results["statistic"].isin(PEOPLE) & (results["parameter"] != "alpha_crossing")]


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return sample_results()


def test_zero_leaves_everything(sample):
    pd.testing.assert_frame_equal(suppress(sample, 0), sample)


@pytest.mark.parametrize("min_count", [2, 3, 5, 8, 12, 30])
def test_no_small_count_of_subjects_is_left(sample, min_count):
    out = suppress(sample, min_count)
    values = of_people(out)["value"].dropna()
    assert not ((values >= 1) & (values < min_count)).any()
    sizes = out["n"].dropna().astype(float)
    assert not ((sizes >= 1) & (sizes < min_count)).any()


def test_what_is_suppressed_is_empty_and_says_so(sample):
    out = suppress(sample, 5)
    hidden = out[out["warning"] == SUPPRESSED]
    assert len(hidden) > 100
    assert hidden["value"].isna().all()
    assert hidden["n"].isna().all()
    assert set(out["id"]) <= set(sample["id"])
    assert list(out.columns) == list(sample.columns)


def test_agreement_and_what_is_pooled_over_sites_never_leave(sample):
    out = suppress(sample, 2)
    mine = out[
        (out["parameter"].isin(["agreement", "imaging"]))
        | out["method"].isin(["cmh", "mantel_haenszel_or", "mantel_haenszel_rd"])
    ]
    assert len(mine) > 20
    assert (mine["warning"] == SUPPRESSED).all()
    assert mine["value"].isna().all()


def test_suppressing_twice_is_suppressing_once(sample):
    once = suppress(sample, 5)
    pd.testing.assert_frame_equal(suppress(once, 5), once)


def test_only_curve_rows_are_dropped_since_their_ids_hold_single_times(sample):
    out = suppress(sample, 5)
    gone = sample[~sample["id"].isin(out["id"])]
    assert set(gone["variable"]) == {"km", "PFS_km", "OS_km"}  # the last two weighted


def test_single_subjects_times_and_sizes_are_hidden(sample):
    out = suppress(sample, 5)
    extremes = out[out["statistic"].isin(["min", "max"])]
    assert len(extremes) > 0
    assert extremes["value"].isna().all()


def test_hazard_ratios_and_p_values_stay(sample):
    out = suppress(sample, 5)
    kept = out[(out["variable"] == "logrank") & (out["statistic"] == "p")]
    assert kept["value"].notna().all()


def test_an_arm_too_small_shows_nothing_by_arm(sample):
    out = suppress(sample, 12)
    assert out.loc[out["group"] != "total", "value"].isna().all()


def table_of(counts: np.ndarray, missing: tuple[int, int]) -> pd.DataFrame:
    """A flow, one baseline table with its margins, and nothing else."""
    rows = Rows()
    sizes = counts.sum(axis=1) + np.array(missing)
    total = int(sizes.sum())
    rows.add("flow", "screened", "n", total, n=total)
    rows.add("flow", "excluded", "n", 0, n=total)
    rows.add("flow", "analysed", "n", total, n=total)
    for i, arm in enumerate(ARMS):
        rows.add("flow", "analysed", "n", int(sizes[i]), group=arm, n=total)
    for group, cells, gone in (
        *((a, counts[i], missing[i]) for i, a in enumerate(ARMS)),
        ("total", counts.sum(axis=0), sum(missing)),
    ):
        n = int(cells.sum())
        rows.add("baseline", "v", "n", n, group=group, n=n)
        rows.add("baseline", "v", "missing", gone, group=group, n=n)
        for level, cell in zip(LEVELS, cells, strict=True):
            rows.add("baseline", "v", "count", int(cell), group=group, level=level, n=n)
            rows.add("baseline", "v", "percent", 100 * cell / n if n else 0.0, group=group, level=level, n=n)
    return rows.frame()


def attacked(out: pd.DataFrame) -> dict[tuple[str, str], set[int]]:
    """Every count that is still possible for each cell, given all that is shown: cells, n, missing, arm sizes."""
    shown = {
        (r.group, r.level if r.statistic == "count" else r.statistic if r.parameter == "baseline" else "size"): int(
            r.value
        )
        for r in out.itertuples()
        if r.statistic in PEOPLE and r.value == r.value and (r.parameter == "baseline" or r.variable == "analysed")
    }
    shown |= {(r.group, "n"): int(r.n) for r in out.itertuples() if r.parameter == "baseline" and not pd.isna(r.n)}
    size = {arm: shown.get((arm, "size")) for arm in ARMS}
    names = (*LEVELS, "missing")
    possible: dict[tuple[str, str], set[int]] = {(a, x): set() for a in (*ARMS, "total") for x in names}
    if None in size.values():
        return possible
    per_arm = []
    for arm in ARMS:
        found = []
        for cells in itertools.product(range(size[arm] + 1), repeat=3):
            gone = size[arm] - sum(cells)
            whole = dict(zip(names, (*cells, gone), strict=True)) | {"n": sum(cells)}
            if gone >= 0 and all(whole[x] == v for (a, x), v in shown.items() if a == arm and x in whole):
                found.append(tuple(whole[x] for x in names))
        per_arm.append(found)
    for first, second in itertools.product(*per_arm):
        both = dict(zip(names, (a + b for a, b in zip(first, second, strict=True)), strict=True))
        both["n"] = sum(both[x] for x in LEVELS)
        if all(both[x] == v for (a, x), v in shown.items() if a == "total" and x in both):
            for arm, cells in zip(ARMS, (first, second), strict=True):
                for x, v in zip(names, cells, strict=True):
                    possible[arm, x].add(v)
            for x in names:
                possible["total", x].add(both[x])
    return possible


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=6, max_size=6),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.integers(2, 4),
)
def test_no_small_cell_can_be_worked_out_from_its_margins(cells, missing, min_count):
    counts = np.array(cells).reshape(2, 3)
    out = suppress(table_of(counts, missing), min_count)
    possible = attacked(out)
    truth = {(a, x): int(counts[i, j]) for i, a in enumerate(ARMS) for j, x in enumerate(LEVELS)}
    truth |= {(a, "missing"): missing[i] for i, a in enumerate(ARMS)}
    for place, value in truth.items():
        if 1 <= value < min_count and possible[place]:
            assert len(possible[place]) > 1, (place, value)

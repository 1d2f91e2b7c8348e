"""What is said of small counts. Oracle: the tables below, by hand, and that pages which differ in nothing but small
counts are the same page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.dashboard.page import render
from analysis.dashboard.small_counts import FEW, alike, part, parts, rounded, shares
from tests.fixtures.quality_history import NOW, history, with_rows

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("n", "whole", "said"),
    [
        (0, 120, "0 of 120"),
        (1, 120, "fewer than 5 of 120"),
        (4, 120, "fewer than 5 of 120"),
        (5, 120, f"5 of 120 (4.2{NBSP}%)"),
        (115, 120, f"115 of 120 (95.8{NBSP}%)"),
        (116, 120, "all but fewer than 5 of 120"),
        (120, 120, f"120 of 120 (100.0{NBSP}%)"),
        (3, 4, "of fewer than 5"),
        (0, 0, "0 of 0"),
    ],
)
def test_a_part_of_a_whole(n: int, whole: int, said: str) -> None:
    assert part(n, whole, 5) == said


def test_without_suppression_all_is_said() -> None:
    assert part(1, 3, 0) == f"1 of 3 (33.3{NBSP}%)"
    assert rounded(np.array([0, 1, 7]), 0).tolist() == [0, 1, 7]


def test_counts_that_differ_by_few_are_all_rounded() -> None:
    """PFS loses two more than OS: who has OS and no PFS would be counted."""
    assert parts([24, 12, 14], 120, 5) == ["about 25 of 120", "about 10 of 120", "about 15 of 120"]
    assert parts([24, 12, 12], 120, 5) == [part(24, 120, 5), part(12, 120, 5), part(12, 120, 5)]
    assert parts([24, 12], 120, 5, within=6) == [part(24, 120, 5), part(12, 120, 5)]
    assert parts([24, 12], 120, 5, within=10) == ["about 25 of 120", "about 10 of 120"]  # two have no value
    assert parts([24, 12], 120, 5, within=3) == ["about 25 of 120", "about 10 of 120"]  # three were dropped
    assert parts([24, 12], 120, 5, within=12) == [part(24, 120, 5), part(12, 120, 5)]
    assert parts([3, 0, 24], 120, 5) == ["fewer than 5 of 120", "0 of 120", "about 25 of 120"]


def test_earlier_counts_are_multiples() -> None:
    found = rounded(np.array([0, 1, 4, 5, 7, 8, 12, 13, np.nan]), 5)
    assert found[:8].tolist() == [0, FEW, FEW, 5, 5, 10, 10, 15]
    assert np.isnan(found[8])


def test_shares_are_of_rounded_counts() -> None:
    """Up where the check fails, down where it holds: 12 of 100 fail above 10 %, and 9 of 100 hold."""
    n, whole = np.array([0, 2, 12, 12, 15, 97, 0, 3]), np.array([100, 100, 100, 100, 100, 100, 0, 4])
    fails = np.array([False, True, True, False, True, False, False, True])
    found = shares(n, whole, 5, fails)
    assert found[:6].tolist() == [0, FEW, 15, 10, 15, 100]
    assert np.isnan(found[6:]).all()
    assert shares(n, whole, 0, fails)[:6].tolist() == [0, 2, 12, 12, 15, 97]


def _with_small(n: int) -> str:
    """A page where every count of persons that may be small is ``n``: violations, subjects touched and lost, patients
    of a code, of a month."""
    made = history(runs=12)
    newest, started = made.runs.iloc[-1][["run", "started"]]
    checks = with_rows(made.checks, {"check_id": "no_future_dates"}, numerator=n, denominator=400, status="FAIL")
    checks = with_rows(checks, {"check_id": "response_recorded", "site": "site2", "run": newest}, numerator=n,
                       denominator=300, status="PASS_WITH_VIOLATIONS")  # fmt: skip
    table = checks.loc[checks["check_id"] == "no_future_dates", "table"].iloc[0]
    touched = pd.DataFrame(
        [(run, "no_future_dates", table, "site0", outcome, n if outcome == "OS" else 2, n if outcome == "OS" else 0)
         for run in made.runs["run"] for outcome in ("response", "OS")],
        columns=["run", "check_id", "table", "site", "outcome", "subjects", "lost"],
    )  # fmt: skip
    subjects = with_rows(made.subjects, {"site": "site0"}, dropped=0)
    subjects = with_rows(subjects, {"site": "site0"}, analysed=197)
    subjects = with_rows(subjects, {"site": "site0", "outcome": "OS"}, lost=n)
    profile = with_rows(made.profile, {"kind": "unmapped", "key": "(rare)"}, n=n, patients=n)
    profile = with_rows(profile, {"kind": "unmapped", "key": "http://hospital.example/local|LAB-003"}, patients=n)
    profile.loc[len(profile)] = (newest, started, "site1", "patient", "month", "2026-10", n, n)
    profile.loc[len(profile)] = (newest, started, "site1", "procedure", "month", "2026-10", 400, n)
    return render(replace(made, checks=checks, touched=touched, subjects=subjects, profile=profile), NOW)


def test_pages_that_differ_in_small_counts_are_one_page() -> None:
    assert _with_small(1) == _with_small(4)
    assert _with_small(1) != _with_small(40)


def _before_and_now(before: int, now: int, whole: int) -> str:
    """A page on which a check fails in the last two runs, with these violations."""
    made = history(runs=12)
    where = {"check_id": "no_future_dates", "site": "site0"}
    checks = made.checks
    for run, n in zip(made.runs["run"].iloc[-2:], (before, now), strict=True):
        checks = with_rows(checks, {**where, "run": run}, numerator=n, denominator=whole, status="FAIL")
    return render(replace(made, checks=checks), NOW)


@pytest.mark.parametrize("whole", [50, 4])
def test_small_counts_are_not_told_by_getting_worse(whole: int) -> None:
    """3 of 50 and 3 again, or 3 and then 4: the page is the same."""
    pages = {_before_and_now(before, now, whole) for before in (1, 3, 4) for now in (1, 3, 4)}
    assert len(pages) == 1
    assert _before_and_now(4, 6, 50) not in pages


def test_what_leaves_few_is_not_told_by_getting_worse() -> None:
    """86 of 98 and then 94 is not a tenth more, 95 is; both are "all but fewer than 5"."""
    assert _before_and_now(86, 94, 98) == _before_and_now(86, 97, 98)


def test_shares_of_counts_that_are_said_alike_are_alike() -> None:
    found = alike(np.array([0, 1, 4, 5, 20, 94, 96, 100, 3]), np.array([100] * 8 + [4]), 5)
    assert found[:8].tolist() == [0, 0.05, 0.05, 0.05, 0.2, 0.94, 1, 1]
    assert np.isnan(found[8])
    assert alike(np.array([3, 0]), np.array([4, 0]), 0)[0] == 0.75


def test_earlier_counts_that_round_alike_are_one_page() -> None:
    """Subjects touched 28 or 32 in an earlier run draw as 30, 56 or 60 violations of 1000 that fail as 60."""

    def page(touched: int, violations: int) -> str:
        made = history(runs=12)
        earlier = {"run": made.runs["run"].iloc[5], "check_id": "response_recorded", "site": "site1"}
        return render(
            replace(
                made,
                touched=with_rows(made.touched, earlier, subjects=touched),
                checks=with_rows(made.checks, earlier, numerator=violations, denominator=1000),
            ),
            NOW,
        )

    assert page(28, 56) == page(32, 60)
    assert page(28, 56) != page(33, 56)
    assert page(28, 56) != page(28, 61)


def test_a_code_of_too_few_patients_of_the_study_has_no_name() -> None:
    """A profile names codes of five patients; a study that shows no fewer than 20 does not."""
    made = history(runs=3)
    assert "LAB-009" in render(made, NOW)
    profile = with_rows(made.profile, {"kind": "unmapped", "key": "http://hospital.example/local|LAB-009"}, patients=19)
    page = render(replace(made, profile=profile, min_count=20), NOW)
    assert "LAB-009" not in page
    assert "LAB-008" in page

"""A study that counts the day on which time starts as day 1 (``add_day``). Oracle: the same without it, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.derive import Derived
from analysis.report.page import render
from analysis.stats.cohort import Cohort
from analysis.stats.response_landmark_rows import first_days
from analysis.stats.results import analyse
from analysis.study.model import Study
from expectations.frames import analysis_frames
from tests.unit.derive.hospital import STUDY, Hospital, day, study

ADDED = {"unit": "day", "add_day": True}
PLAIN = {"unit": "day"}


def _hospital() -> Hospital:
    h = Hospital()
    for i, (material, died) in enumerate([("new", 90), ("old", 70), ("new", None), ("old", 200), ("new", 300)]):
        h.subject(f"s{i}", material, **({} if died is None else {"deceased_date": day(died)}))
        h.assess(f"s{i}", 40 + i, "PR")
    h.subject("same-day", deceased_date=day(0), assessed=False)
    h.subject("switched", "old")
    h.act("switched", 80, "new")
    h.assess("switched", 120, "PD")
    return h


HOSPITAL = _hospital()


def _study(rules: dict[str, Any], **changes: Any) -> Study:
    return study(endpoint_rules=rules, **changes)


def _pair(**changes: Any) -> tuple[Derived, Derived]:
    return HOSPITAL.derive(_study(PLAIN, **changes)), HOSPITAL.derive(_study(ADDED, **changes))


def _results(made: Study, derived: Derived) -> pd.DataFrame:
    return analyse(made, derived.adsl, derived.adrs, derived.adtte, derived.analysis_table, {})


def _one_longer(plain: pd.DataFrame, added: pd.DataFrame, times: list[str]) -> None:
    assert not plain.empty
    pd.testing.assert_frame_equal(plain.assign(**{name: plain[name] + 1 for name in times}), added)


def test_every_time_is_one_day_longer_and_no_date_moves() -> None:
    plain, added = _pair()
    _one_longer(plain.adtte, added.adtte, ["AVAL"])
    _one_longer(plain.analysis_table, added.analysis_table, ["PFS_AVAL", "OS_AVAL"])
    for name in ("adsl", "adrs"):
        pd.testing.assert_frame_equal(getattr(plain, name), getattr(added, name))
    assert plain.variants.keys() == added.variants.keys() != set()
    for name, variant in plain.variants.items():
        # What censors in a set is a day from the index too, and is counted once.
        _one_longer(variant.adtte, added.variants[name].adtte, ["AVAL"])
    died = added.adtte[(added.adtte["PARAMCD"] == "OS") & (added.adtte["AVAL"] == 1)]
    assert (died["ADT"] == died["STARTDT"]).all()
    assert len(died) == 1


def test_from_a_landmark_too() -> None:
    plain, added = _pair(index={**STUDY["index"], "landmark": 28})
    _one_longer(plain.adtte, added.adtte, ["AVAL"])
    reached = added.adtte[added.adtte["AVAL"].notna()]
    assert ((reached["ADT"] - reached["STARTDT"]).dt.days + 1 == reached["AVAL"]).all()


def test_the_check_that_computes_times_again_knows_of_it() -> None:
    made = _study(ADDED)
    derived = HOSPITAL.derive(made)
    tables = (derived.adsl, derived.adrs, derived.adtte, derived.analysis_table)
    rows = analysis_frames(made, *tables, frozenset())["endpoints"]
    assert len(rows) > 0
    assert (rows["AVAL"] == rows["RECOMPUTED_AVAL"]).all()


def test_comparisons_by_rank_do_not_move() -> None:
    found = []
    for rules, derived in zip((PLAIN, ADDED), _pair(), strict=True):
        made = _study(rules)
        found.append(_results(made, derived).set_index("id")["value"])
    plain, added = found
    ranked = [i for i in plain.index if ".logrank." in i or ".cox_univariate." in i]
    assert plain[ranked].notna().sum() > 4
    pd.testing.assert_series_equal(plain[ranked], added[ranked], check_exact=True)
    medians = [i for i in plain.index if ".median." in i and ".estimate." in i and not np.isnan(plain[i])]
    assert medians
    assert (added[medians] - plain[medians] == 1).all()


def test_who_is_a_responder_at_a_landmark_follows_the_same_days() -> None:
    plain, added = _pair()
    days = [
        first_days(Cohort(_study(rules), derived.analysis_table), derived.adrs)
        for rules, derived in ((PLAIN, plain), (ADDED, added))
    ]
    assert np.isfinite(days[0].response).sum() >= 3
    np.testing.assert_array_equal(np.sort(days[0].response) + 1, np.sort(days[1].response))
    np.testing.assert_array_equal(np.sort(days[0].evaluable) + 1, np.sort(days[1].evaluable))


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (ADDED, "The first day is day 1. Times are in days (one day added)."),
        (PLAIN, "Times of 0 days are kept. Times are in days."),
        ({"unit": "month", "add_day": True}, "Times are in months (days / 30.4375, one day added)."),
        ({"unit": "year"}, "Times are in years (days / 365.25, no day added)."),
    ],
)
def test_the_methods_say_so(rules: dict[str, Any], words: str) -> None:
    made = _study(rules)
    derived = HOSPITAL.derive(made)
    page = render(made, _results(made, derived), pd.DataFrame(), {"state": "DRAFT"}, None)
    assert words in page

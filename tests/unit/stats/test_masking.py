"""What a locked study shows. Oracles: the groups of the sample study, none of which may be told apart by what is left;
relabelled arms, which must change no row of it (docs/release.md)."""

from __future__ import annotations

import pandas as pd

from analysis.stats.disclosure import suppress
from analysis.stats.masking import masked
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of
from tests.fixtures.sample_frames import sample_results

ARMS = ("New", "Old")
SUBJECTS = [
    {"arm": arm, "time": 30.0 + 7 * i, "event": i % 3 == 0, "weight": 60.0 + i, "age": 40 + i, "stage": "I"}
    for i, arm in enumerate(ARMS * 12)
]


def test_no_row_names_an_arm_and_the_pooled_counts_stay() -> None:
    whole = sample_results()
    left = masked(whole)
    assert set(left["group"]) == {"total"}
    assert not any(arm in " ".join(left["id"]) for arm in ("DEB-TACE", "cTACE"))
    assert set(left["statistic"]) == {"n", "min", "max", "median"}, "no estimate, no interval, no P value"
    values = dict(zip(left["id"], left["value"], strict=True))
    assert values["flow.analysed..total.n."] == 22
    assert {"PFS.events..total.n.", "OS.censored..total.n."} <= set(values)
    whole_values = dict(zip(whole["id"], whole["value"], strict=True))
    pd.testing.assert_series_equal(pd.Series(values), pd.Series({name: whole_values[name] for name in values}))


def test_who_had_which_treatment_changes_nothing_of_it() -> None:
    study = made_up_study(ARMS)
    swapped = [{**one, "arm": ARMS[i * i % 5 % 2]} for i, one in enumerate(SUBJECTS)]
    first, second = (results_of(study, analysis_table(rows)) for rows in (SUBJECTS, swapped))
    assert not first.equals(second)
    pd.testing.assert_frame_equal(masked(first), masked(second))


def test_suppression_goes_before_the_mask() -> None:
    """Of pooled rows the suppressed table shows what it shows unmasked, so that a release adds no second view."""
    hidden = suppress(sample_results(), 5)
    left = masked(hidden)
    pd.testing.assert_frame_equal(left, hidden[hidden["id"].isin(left["id"])].reset_index(drop=True))

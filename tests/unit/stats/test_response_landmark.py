"""Survival from a landmark by response until then. Oracles: R survival 3.5-3 on Stanford's heart patients
(tests/golden/response_landmark.R), counts by hand, algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.cohort import Cohort
from analysis.stats.cox import CoxFit
from analysis.stats.disclosure import suppress
from analysis.stats.estimates import NotEstimable
from analysis.stats.masking import masked
from analysis.stats.response_landmark import by_response
from analysis.stats.response_landmark_rows import first_days
from analysis.stats.results import analyse
from analysis.stats.survival import median_survival
from analysis.study.model import Study
from analysis.study.survival_checks import by_response as by_response_faults
from tests.fixtures.golden_values import golden
from tests.fixtures.sample_frames import adtte_of, sample_frames, sample_study

GOLD = golden("response_landmark")
AT = [pytest.param(f, id=f"{f['ties'][0]}-{f['landmark'][0]}") for f in GOLD["found"]]


def test_golden_values_name_their_versions():
    assert GOLD["made_with"] == {"R": ["4.2.2"], "survival": ["3.5.3"]}


@pytest.mark.parametrize("expected", AT)
def test_landmark_by_transplant_against_r(expected):
    time, event = np.array(GOLD["time"], dtype=float), np.array(GOLD["event"]) == 1
    responded = np.array([np.inf if r is None else r for r in GOLD["responded"]], dtype=float)
    found = by_response(time, event, responded, expected["landmark"][0], expected["ties"][0])
    assert found.gone == expected["gone"][0]
    assert isinstance(found.fit, CoxFit)
    ours = [float(v[0]) for v in found.fit.hazard_ratios()]
    assert ours == pytest.approx([expected[k][0] for k in ("hr", "lower", "upper")], rel=1e-8)
    for curve, group in ((found.responders, expected["responders"]), (found.others, expected["others"])):
        assert (curve.n, curve.events.sum()) == (group["n"][0], group["events"][0])
        assert median_survival(curve).estimate == group["median"][0]


drawn = st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(0, 25)), min_size=1, max_size=30)


@settings(max_examples=50, deadline=None)
@given(drawn, st.integers(1, 19), st.randoms(use_true_random=False))
def test_what_comes_after_the_landmark_groups_nobody_and_order_changes_no_bit(subjects, landmark, random):
    def found(rows):
        time, event, responded = (np.array(c) for c in zip(*rows, strict=True))
        return by_response(time.astype(float), event, responded.astype(float), float(landmark))

    one = found(subjects)
    assert one.n + one.gone == len(subjects)
    later = [(t, e, r if r <= landmark else 10_000) for t, e, r in subjects]
    random.shuffle(later)
    other = found(later)
    assert (one.n, one.gone) == (other.n, other.gone)
    if isinstance(one.fit, CoxFit):
        np.testing.assert_array_equal(one.fit.coef, other.fit.coef)
        np.testing.assert_array_equal(one.fit.covariance, other.fit.covariance)
    else:
        assert one.fit == other.fit


@pytest.mark.parametrize(
    ("time", "event", "responded"),
    [
        ([1, 2, 3], [1, 1, 1], [1, 1, 1]),
        ([9, 9, 9, 9], [1, 1, 1, 1], [1, 1, 99, 99]),
        ([7, 8, 9, 10], [0, 0, 0, 0], [1, 99, 1, 99]),
        ([6, 7, 20, 21], [1, 1, 1, 1], [99, 99, 1, 1]),
        ([9], [1], [1]),
    ],
    ids=["nobody-left", "all-tied", "no-events", "monotone", "one-subject"],
)
def test_hostile_data_have_no_hazard_ratio(time, event, responded):
    arrays = np.array(time, dtype=float), np.array(event) == 1, np.array(responded, dtype=float)
    assert isinstance(by_response(*arrays, 5.0).fit, NotEstimable)


def _study(**response) -> Study:
    study = sample_study()
    survival = study.analysis.survival.model_copy(update={"by_response": (3.0,)})
    plan = study.analysis.model_copy(update={"survival": survival})
    changed = study.response.model_copy(update=response)
    return study.model_copy(update={"analysis": plan, "response": changed})


def _assessed(table, day=lambda i: 40 if i % 2 else 200):
    """One accepted assessment a subject, at the study's site, on day 40 or 200."""
    days = [day(i) for i in range(len(table))]
    seen = table[["USUBJID", "TRT01A"]].assign(
        PARAMCD="OVRLRESP", AVALC=table["BOR"], ACCEPTED="Y", IMAGING="Y", SITEFL="Y", ADY=days
    )
    return pd.concat([seen, seen.assign(PARAMCD="BOR")], ignore_index=True)


def _results(study, adrs, table=None):
    f = sample_frames()
    table = f.analysis_table if table is None else table
    return analyse(study, f.adsl, adrs, adtte_of(table, ("PFS", "OS")), table)


def _rows(results):
    return results[results["variable"] == "response_landmark"].set_index("id")


def test_rows_by_hand():
    f = sample_frames()
    rows = _rows(_results(_study(), _assessed(f.analysis_table)))
    landmark = 3 * 30.4375
    table = f.analysis_table
    stays = table["OS_AVAL"] > landmark
    early = np.arange(len(table)) % 2 == 1
    good = table["BOR"].isin(["CR", "PR"]) & early
    assert 0 < (stays & good).sum() < stays.sum()
    assert rows.loc["OS.response_landmark.3.total.n.", "value"] == stays.sum()
    assert rows.loc["OS.response_landmark.3.total.gone.", "value"] == (~stays).sum()
    assert rows.loc["OS.response_landmark.3=responder.total.n.", "value"] == (stays & good).sum()
    events = (stays & ~good & (table["OS_CNSR"] == 0)).sum()
    assert rows.loc["OS.response_landmark.3=non-responder.total.events.", "value"] == events
    assert rows["warning"].str.contains("descriptive: ").all()
    after = (table["PFS_AVAL"] > landmark) & (table["PFS_CNSR"] == 0)
    assert rows.loc["PFS.response_landmark.3.total.hr.efron", "warning"].endswith("10 events a term") == (
        after.sum() < 10
    )
    assert "10 events" not in rows.loc["OS.response_landmark.3.total.n.", "warning"]
    assert not rows["statistic"].isin(["p", "chi2"]).any()


def test_responders_without_the_day_of_it_are_missing_and_nobody_is_a_guess():
    f = sample_frames()
    undated = _assessed(f.analysis_table).drop(columns="ADY")
    rows = _rows(_results(_study(), undated))
    good = f.analysis_table["BOR"].isin(["CR", "PR"]).sum()
    assert good > 0
    assert rows.loc["OS.response_landmark.3.total.missing.", "value"] == good
    assert rows.loc["OS.response_landmark.3=responder.total.n.", "value"] == 0
    assert rows.loc["OS.response_landmark.3.total.hr.efron", "warning"].startswith("NE: ")


def test_excluded_as_not_evaluable_is_who_was_not_seen_by_then():
    f = sample_frames()
    rows = _rows(_results(_study(not_evaluable="exclude"), _assessed(f.analysis_table)))
    assert rows.loc["OS.response_landmark.3.total.missing.", "value"] == (len(f.analysis_table) + 1) // 2


def test_the_first_of_several_responses_counts_and_none_after_the_best_or_not_accepted():
    f = sample_frames()
    table = f.analysis_table.assign(BOR="CR")
    one = table["USUBJID"].iloc[0]
    row = {"USUBJID": one, "PARAMCD": "OVRLRESP", "ACCEPTED": "Y", "SITEFL": "Y"}
    adrs = pd.DataFrame(
        [
            {**row, "AVALC": "PR", "ADY": 10, "ACCEPTED": "N"},
            {**row, "AVALC": "PR", "ADY": 20, "SITEFL": "N"},
            {**row, "AVALC": "SD", "ADY": 25},
            {**row, "AVALC": "PR", "ADY": 60},
            {**row, "AVALC": "CR", "ADY": 120},
            {**row, "AVALC": "CR", "ADY": 120, "PARAMCD": "BOR"},
        ]
    )
    study = _study()
    assert study.response.site
    cohort = Cohort(study, table)
    at = list(cohort.subjects).index(one)
    days = first_days(cohort, adrs)
    assert days.response[at] == 60
    late = adrs.assign(ADY=adrs["ADY"].where(adrs["PARAMCD"] != "BOR", 30))
    assert np.isnan(first_days(cohort, late).response[at]), "after the best response nothing counts"
    moved = study.model_copy(update={"index": study.index.model_copy(update={"landmark": 28})})
    assert first_days(Cohort(moved, table), adrs).response[at] == 32


def test_row_order_and_pseudonyms_change_nothing():
    f = sample_frames()
    adrs = _assessed(f.analysis_table)
    new = {u: f"Z{(7 * i) % 23:03d}" for i, u in enumerate(f.analysis_table["USUBJID"])}
    table = f.analysis_table.assign(USUBJID=f.analysis_table["USUBJID"].map(new)).iloc[::-1].reset_index(drop=True)
    other = adrs.assign(USUBJID=adrs["USUBJID"].map(new)).iloc[::-1].reset_index(drop=True)
    adsl = f.adsl.assign(USUBJID=f.adsl["USUBJID"].map(lambda u: new.get(u, u)))
    again = analyse(_study(), adsl, other, adtte_of(table, ("PFS", "OS")), table)
    pd.testing.assert_frame_equal(_rows(_results(_study(), adrs)), _rows(again), check_exact=True)


def test_the_landmark_of_another_unit_gives_the_same_numbers():
    adrs, study = _assessed(sample_frames().analysis_table), _study()
    survival = study.analysis.survival.model_copy(update={"by_response": (3 * 30.4375,)})
    days = study.model_copy(
        update={
            "analysis": study.analysis.model_copy(update={"survival": survival}),
            "endpoint_rules": study.endpoint_rules.model_copy(update={"unit": "day"}),
        }
    )
    ours, theirs = _rows(_results(study, adrs)), _rows(_results(days, adrs))
    theirs = theirs.rename(index=lambda name: name.replace("91.3125", "3", 1)).loc[ours.index]
    factor = np.where(ours["unit"] == "months", 30.4375, 1.0)
    np.testing.assert_allclose(ours["value"] * factor, theirs["value"], rtol=1e-12)
    assert ours["value"].notna().sum() > 20


def test_nothing_of_it_leaves_under_small_count_suppression_nor_while_locked():
    results = _results(_study(), _assessed(sample_frames().analysis_table))
    shown = _rows(suppress(results, 2))
    assert len(shown) > 0
    assert shown["value"].isna().all()
    assert shown["n"].isna().all()
    assert (shown["warning"] == "suppressed").all()
    assert not masked(results)["variable"].eq("response_landmark").any()


def test_a_study_that_does_not_ask_gets_no_row():
    survival = sample_study().analysis.survival.model_copy(update={"by_response": ()})
    plan = sample_study().analysis.model_copy(update={"survival": survival})
    study = sample_study().model_copy(update={"analysis": plan})
    assert _rows(_results(study, _assessed(sample_frames().analysis_table))).empty


def test_landmarks_by_response_need_a_response():
    asked = {"analysis": {"survival": {"by_response": [3]}}}
    assert [path for path, _ in by_response_faults(asked)] == [("analysis", "survival", "by_response")]
    assert list(by_response_faults({**asked, "response": {}})) == []
    assert list(by_response_faults({})) == []

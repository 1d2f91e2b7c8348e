"""Record against supplement. Oracles: Bland and Altman, Lancet 1986;1:307, whose peak flows are printed with mean
difference and limits; counts by hand; kappa of a table by its definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.stats.disclosure import SUPPRESSED, suppress
from analysis.stats.estimates import NotEstimable
from analysis.stats.rows import Rows
from analysis.stats.source_agreement import add_response_agreement, add_source_agreement, limits_of_agreement
from analysis.study.outcomes import Response
from analysis.study.supplement import Supplement
from tests.fixtures.made_up_study import made_up_study

# Table of the paper: peak expiratory flow in l/min, first reading with each meter.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_limits_of_agreement_against_bland_and_altman_1986() -> None:
    """Printed: mean difference (large - mini) -2.1 l/min, SD 38.8; the paper's limits are at two SDs, ours at 1.96."""
    found = limits_of_agreement(np.array(MINI, float), np.array(WRIGHT, float))
    assert round(found["mean_difference"], 1) == -2.1
    assert round(found["sd"], 1) == 38.8
    assert found["upper"] - found["mean_difference"] == pytest.approx(1.959964 * found["sd"], rel=1e-6)


def test_limits_of_few_pairs_are_not_estimable() -> None:
    none = limits_of_agreement(np.array([]), np.array([]))
    assert all(isinstance(value, NotEstimable) for value in none.values())
    one = limits_of_agreement(np.array([3.0]), np.array([5.0]))
    assert one["mean_difference"] == 2.0
    assert isinstance(one["sd"], NotEstimable)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=2, max_size=20))
def test_changing_sides_flips_signs_only(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, float).T
    here, there = limits_of_agreement(a, b), limits_of_agreement(b, a)
    assert here["mean_difference"] == pytest.approx(-there["mean_difference"])
    assert here["lower"] == pytest.approx(-there["upper"])
    assert here["sd"] == pytest.approx(there["sd"])


def study_with_supplement():
    rules = {
        "file": "x.csv", "closed": "2024-01-01",
        "variable": {"w": {"list": "measured", "unit": "kg"}},
    }  # fmt: skip
    study = made_up_study(("A", "B"))
    return study.model_copy(update={"supplement": Supplement.model_validate(rules)})


def results(cells: list[tuple[object, object]], stages: list[tuple[object, object]]) -> pd.DataFrame:
    adsl = pd.DataFrame({"USUBJID": [f"S{i}" for i in range(len(cells))], "ANL01FL": "Y"})
    adsl["weight_record"], adsl["weight_supplement"] = (pd.Series(x, dtype="float64") for x in zip(*cells, strict=True))
    adsl["age_record"] = adsl["age_supplement"] = np.nan
    adsl["stage_record"], adsl["stage_supplement"] = (pd.Series(x, dtype="object") for x in zip(*stages, strict=True))
    left = pd.DataFrame({"USUBJID": ["X"], "ANL01FL": ["N"], "weight_record": [1.0], "weight_supplement": [900.0]})
    rows = Rows()
    add_source_agreement(rows, study_with_supplement(), pd.concat([adsl, left], ignore_index=True))
    return rows.frame()


CELLS = [(70, 70), (80, 78), (90, 94), (60, None), (None, 55), (None, None)]
STAGES = [("I", "I"), ("II", "II"), ("II", "III"), ("I", None), ("II", "IV"), (None, "I")]


def test_counts_and_differences_by_hand() -> None:
    found = results(CELLS, STAGES).set_index("id")
    weight = "agreement.record_supplement:weight"
    assert found.loc[f"{weight}..total.n.", "value"] == 3
    counts = {v: found.loc[f"{weight}.{v}.total.count.", "value"] for v in ("agree", "only_record", "only_supplement")}
    assert counts == {"agree": 1, "only_record": 1, "only_supplement": 1}
    mean = found.loc[f"{weight}..total.mean_difference.limits_of_agreement"]
    assert (mean["value"], mean["unit"], mean["n"]) == (pytest.approx((0 - 2 + 4) / 3), "kg", 3)
    assert found.loc["agreement.record_supplement:age..total.sd.limits_of_agreement", "warning"].startswith(
        "NE: no pairs"
    )


def test_levels_have_their_cross_table_and_kappa_by_its_definition() -> None:
    found = results(CELLS, STAGES).set_index("id")["value"]
    stage = "agreement.record_supplement:stage"
    assert found[f"{stage}..total.n."] == 4
    assert (found[f"{stage}.II/III.total.count."], found[f"{stage}.II/other.total.count."]) == (1, 1)
    observed, expected = 2 / 4, (1 * 1 + 3 * 1) / 16  # I: one each; II: three and one
    assert found[f"{stage}..total.kappa.unweighted"] == pytest.approx((observed - expected) / (1 - expected))


def test_nothing_of_it_leaves_a_site_that_suppresses_small_counts() -> None:
    """No rule is written for these tables: they go whole, and their ids do not depend on who was found with what."""
    shown = suppress(results(CELLS * 40, STAGES * 40), 5)
    assert shown["value"].isna().all()
    assert shown["n"].isna().all()
    assert set(shown["warning"]) == {SUPPRESSED}
    same = [("I", "I")] * len(CELLS)
    assert list(results(CELLS, STAGES)["id"]) == list(results(CELLS, same)["id"])


def test_a_study_without_supplement_has_no_such_row() -> None:
    rows = Rows()
    add_source_agreement(rows, made_up_study(("A", "B")), pd.DataFrame({"ANL01FL": ["Y"]}))
    assert rows.frame().empty


# What of subject, source, last, level, the other's level and site counts is said by the test below.
ASSESSED = [
    ("S0", "record", "Y", "SD", "PR", "Y"),
    ("S0", "supplement", "Y", "PR", "SD", "Y"),
    ("S1", "record", "Y", "PD", "PD", "Y"),
    ("S1", "record", "N", "CR", None, "Y"),
    ("S1", "supplement", "Y", "PD", "PD", "Y"),
    ("S2", "record", "Y", "NE", "CR", "Y"),
    ("S2", "supplement", "Y", "CR", "NE", "Y"),
    ("S3", "record", "Y", "CR", None, "Y"),
    ("S3", "supplement", "Y", "PR", None, "Y"),
    ("S4", "supplement", "Y", "PR", None, "Y"),
    ("S4", "record", "Y", "PR", "PD", "N"),
    ("X", "record", "Y", "PR", "PR", "Y"),
    ("S0", None, None, "PR", None, "Y"),
]


def responses(lists: str = "seen") -> pd.DataFrame:
    study = study_with_supplement()
    response = Response.model_validate(
        {"criteria": "mRECIST", "list": "seen", "values": "x", "window": "1..", "site": "liver"}
    )
    assert study.supplement is not None
    variable = {"v": study.supplement.variable["w"].model_copy(update={"list_": lists})}
    supplement = study.supplement.model_copy(update={"variable": variable})
    study = study.model_copy(update={"response": response, "supplement": supplement})
    columns = ["USUBJID", "SOURCE", "SRCLSTFL", "AVALC", "OTHAVALC", "SITEFL"]
    rows = Rows()
    add_response_agreement(rows, study, pd.DataFrame(ASSESSED, columns=columns), {f"S{i}" for i in range(5)})
    return rows.frame()


def test_responses_by_hand() -> None:
    """Two pairs on the scale, of which one agrees; of X nobody asks, and S4's record is of another body site."""
    found = responses().set_index("id")["value"]
    name = "agreement.record_supplement_response"
    levels = ("agree", "not_evaluable", "only_record", "only_supplement", "SD/PR", "PR/SD", "PD/PD")
    assert {level: found[f"{name}.{level}.total.count."] for level in levels} == {
        "agree": 1, "not_evaluable": 1, "only_record": 1, "only_supplement": 2, "SD/PR": 1, "PR/SD": 0, "PD/PD": 1
    }  # fmt: skip
    assert found[f"{name}..total.n."] == 2
    observed, expected = 1 / 2, 1 / 4  # PD: one each; SD on the record's side only, PR on the other's only
    assert found[f"{name}..total.kappa.unweighted"] == pytest.approx((observed - expected) / (1 - expected))


def test_a_supplement_without_assessments_has_no_such_row() -> None:
    assert responses("another").empty


def test_responses_go_whole_where_counts_are_suppressed() -> None:
    shown = suppress(responses(), 2)
    assert shown["value"].isna().all()
    assert set(shown["warning"]) == {SUPPRESSED}

"""The paragraphs of the methods on what only some studies ask for. Oracle: what docs/statistics.md says is done."""

from __future__ import annotations

import pytest

from analysis.report import words
from analysis.report.page import render
from analysis.study.model import Study
from tests.fixtures.competing_events import competing_study
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study


def _changed(**analysis: object) -> Study:
    """The sample study with other keys of [analysis]; ``cox`` is merged into the sample's."""
    document = sample_study().model_dump(by_alias=True, exclude_none=True, mode="json")
    plan = {**document["analysis"], **analysis}
    plan["cox"] = {**document["analysis"]["cox"], **analysis.get("cox", {})}  # type: ignore[dict-item]
    return Study.model_validate({**document, "analysis": {k: v for k, v in plan.items() if v is not None}})


def _methods(study: Study) -> str:
    page = PageReader(render(study, sample_results(), quality(), provenance(), None))
    text = next(e.text for e in page.all("section") if e.attributes.get("id") == "methods")
    return " ".join(text.split())


def _stepwise(**keys: object) -> str:
    text = _methods(_changed(cox={"stepwise": keys}))
    return text.partition("Stepwise selection")[2].partition("Treatment is a candidate")[0]


def test_forward_selection_enters_first() -> None:
    said = _stepwise(direction="forward", p_in=0.04, p_out=0.2, remove=["lr"])
    assert "Forward: the term with the smallest P below 0.04 enters, by score test; after each entry" in said
    assert "the term with the largest P above 0.2 leaves, by likelihood ratio, until none does" in said


def test_backward_selection_begins_with_all_candidates_and_removes_first() -> None:
    """docs/statistics.md: it begins with the whole model, removes, and then goes on like forward."""
    said = _stepwise(direction="backward", enter="wald", p_in=0.04, p_out=0.2, remove=["score", "wald"])
    assert "Backward: from the model of all candidates the term with the largest P above 0.2 leaves" in said
    assert said.index("largest P above 0.2") < said.index("smallest P below 0.04")
    assert "by score test and Wald's test, each on its own" in said
    assert "enters, by Wald's test" in said


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_page_warns_of_p_after_a_selection(direction: str) -> None:
    assert "P values and intervals after a selection take no account of it" in _methods(
        _changed(cox={"stepwise": {"direction": direction}})
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("efron_lr", "Forward selection, Efron ties, entry by score test, removal by likelihood ratio"),
        ("breslow_backward_wald", "Backward selection, Breslow ties, entry by score test, removal by Wald's test"),
        ("efron_wald_lr", "Forward selection, Efron ties, entry by Wald's test, removal by likelihood ratio"),
        ("efron_backward_lr_score", "Backward selection, Efron ties, entry by likelihood ratio, removal by score test"),
    ],
)
def test_the_table_of_a_selection_says_which_it_was(code: str, said: str) -> None:
    """docs/architecture.md: what stands in the method of cox_stepwise."""
    assert words.selection(code) == said


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ("when-needed", "where a model has no fit (monotone likelihood) or fewer than 10 events a term"),
        (True, "beside every model"),
    ],
)
def test_firth_says_where_it_stands(asked: object, where: str) -> None:
    assert f"Firth's penalised likelihood. Given {where}" in _methods(_changed(cox={"firth": asked}))


def test_weighting_names_its_covariates_its_estimands_and_why_it_is_forced() -> None:
    said = _methods(sample_study())
    assert "Propensity scores, the probability of DEB-TACE, come from a logistic regression on age, sex, " in said
    for whom in ("all subjects (ATE, ", "those of DEB-TACE (ATT, ", "the overlap of the arms (ATO, "):
        assert whom in said
    assert "shown to say how little so few subjects can be weighted" in said
    assert "with a score outside" not in said


def test_trimming_and_weights_that_are_not_stabilised_are_told() -> None:
    plan = sample_study().analysis.weighting
    assert plan is not None
    said = _methods(_changed(weighting={**plan.model_dump(mode="json"), "trim": [0.05, 0.9], "stabilised": False}))
    assert "Subjects with a score outside 0.05 to 0.9 leave, and the score is fitted again." in said
    assert "stabilised" not in said


@pytest.mark.parametrize(
    ("outcome", "taken"),
    [("common", "made an approximate risk ratio"), ("rare", "taken as a risk ratio, since the outcome is rare")],
)
def test_e_values_say_what_a_hazard_ratio_is_taken_for(outcome: str, taken: str) -> None:
    assert taken in _methods(_changed(e_value=outcome))


def test_competing_risks_are_told_only_where_an_endpoint_has_them() -> None:
    said = _methods(competing_study())
    assert "Competing risks. Progression-free survival: the cumulative incidence" in said
    assert "liver surgery or ablation is a competing event" in said
    assert "Competing risks" not in _methods(sample_study())


def test_a_study_that_asks_for_none_has_none_of_the_paragraphs() -> None:
    lean = _changed(weighting=None, e_value=None, sensitivity=[], cox={"firth": False})
    lean = lean.model_copy(
        update={
            "analysis": lean.analysis.model_copy(
                update={"cox": lean.analysis.cox.model_copy(update={"stepwise": None})}
            )
        }
    )
    said = _methods(lean)
    for heading in ("Stepwise selection", "Firth", "Weighting", "E-values", "Competing risks"):
        assert heading not in said

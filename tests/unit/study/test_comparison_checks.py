# ruff: noqa: E501 - the table of slips reads better in lines
"""Faults in what a study file says of a fair comparison. Oracle: the file itself, of which each case breaks one line."""

from __future__ import annotations

import re

import pytest

from analysis.study.load import load_study
from analysis.study.model import Study
from mappings.errors import DefinitionError
from tests.unit.study.folders import example, li2023

# What stands there, what a slip makes of it, the field named, and words of the sentence.
SLIPS = [
    ('weighting = { covariates = ["age"', 'weighting = { covariates = ["aeg"', "weighting.covariates[0]", "did you mean 'age'?"),
    ('linear = ["age"]', 'linear = ["sex"]', "weighting.linear[0]", "has levels"),
    ('linear = ["age"]', 'linear = ["lesions"]', "weighting.linear[0]", "is not among the covariates"),
    ('estimands = ["ATE", "ATT", "ATO"]', 'estimands = ["ATE", "ATE"]', "weighting.estimands", "stands twice"),
    ('estimands = ["ATE", "ATT", "ATO"]', 'estimands = ["AET"]', "weighting.estimands[0]", "did you mean"),
    ('estimands = ["ATE", "ATT", "ATO"]', "trim = [0.9, 0.1]", "weighting.trim", "the lower first"),
    (', reason = "synthetic sample study: shown to say how little so few subjects can be weighted"', "", "weighting.force", "needs a reason"),
    ('e_value = "common"', 'e_value = "comon"', "analysis.e_value", "did you mean 'common'?"),
    ('after_index = "as published; sensitivity censor-surgery"', 'after_index = "sensitivity censor-surgery"', "criterion[7].after_index", "gives no reason"),
    ('  { at = "index", desc = "No assessment after index" },', '  { at = "cutoff", desc = "End" },', "endpoint[0].censors", "none but the cut-off ever does"),
    ('censors = [{ last = "evidence alive", desc = "Last known alive" }]', 'censors = [{ at = "cutoff", desc = "Cut-off" }]', "endpoint[1].censors", "none but the cut-off ever does"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "field", "words"), SLIPS, ids=[f"{w[:40]}" for _, w, _, _ in SLIPS])
def test_a_slip_is_named_with_line_and_field(right: str, wrong: str, field: str, words: str) -> None:
    text, files = li2023()
    assert text.count(right) == 1
    line = text[: text.index(right)].count("\n") + 1
    with pytest.raises(DefinitionError) as caught:
        load_study(text.replace(right, wrong), "study.toml", files)
    near = [p for p in caught.value.problems if field in p.field and words in p.message and p.line == line]
    assert len(near) == 1, caught.value.problems


def test_a_study_without_these_keys_stays_as_it_was() -> None:
    text, files = example()
    study = load_study(text, "study.toml", files).study
    assert isinstance(study, Study)
    assert study.analysis.weighting is None
    assert study.analysis.e_value is None


def with_a_third_arm(text: str) -> str:
    """The study with its second arm once more under another name."""
    third = text[text.index("[[arm]]") : text.index("[arm_rules]")].split("[[arm]]")[2].replace("CTACE", "OTHER")
    third = "[[arm]]" + third.replace('"cTACE"', '"Other"') + "\n[arm_rules]"
    return text.replace("[arm_rules]", third)


def test_weighting_of_three_arms_is_refused() -> None:
    text, files = li2023()
    with pytest.raises(DefinitionError) as caught:
        load_study(with_a_third_arm(text), "study.toml", files)
    assert [p.field for p in caught.value.problems] == ["analysis.weighting"]
    assert "two arms" in caught.value.problems[0].message


OIL = '"administered:iodised-oil", "text:oil-names"] },'


def with_an_arm_in(window: str, landmark: int | None, text: str) -> str:
    """The study with its second arm looked for in this window, and a landmark where one is named."""
    text = text.replace(OIL, OIL.replace("] },", f'], window = "{window}" }},'))
    return (
        text if landmark is None else text.replace("washout_days = 180", f"landmark = {landmark}\nwashout_days = 180")
    )


@pytest.mark.parametrize(
    ("window", "landmark", "words"),
    [
        ("1..28", None, "immortal until then"),
        ("0..cutoff", None, "immortal until then"),
        ("..", None, "immortal until then"),
        ("0..29", 28, "end the window at 28"),
        ("0..cutoff", 28, "end the window at 28"),
        ("0..28", 28, None),
        ("..0", None, None),
    ],
)
def test_an_arm_defined_after_the_index_needs_a_landmark(window: str, landmark: int | None, words: str | None) -> None:
    """Oracle: the rule; a window that ends at the landmark is the last that is allowed."""
    text, files = li2023()
    text = with_an_arm_in(window, landmark, text)
    line = text[: text.index(f'window = "{window}" }},\n]')].count("\n") + 1
    if words is None:
        study = load_study(text, "study.toml", files).study
        assert isinstance(study, Study)
        assert study.index.landmark == (landmark or 0)
        return
    with pytest.raises(DefinitionError) as caught:
        load_study(text, "study.toml", files)
    near = [p for p in caught.value.problems if p.field == "arm[1].all[1].window" and words in p.message]
    assert [p.line for p in near] == [line], caught.value.problems


def test_completeness_of_what_the_patient_alone_tells_asks_for_no_record() -> None:
    text, files = example()
    text = text[: text.index("[covariate.age_group]")] + text[text.index("[[endpoint]]") :]
    gone = ("age_group", "smoking", "age-group", "angina")
    kept = [line for line in text.splitlines() if not any(word in line for word in gone) or "cox" in line]
    text = "\n".join(kept).replace(', "smoking"', "").replace('[list.smoking]\ntable = "observation"', "")
    text = re.sub(r"(?m)^table = .*\n(?=table)", "", text)
    with pytest.raises(DefinitionError) as caught:
        load_study(text, "study.toml", files)
    assert [p.field for p in caught.value.problems if "would be analysed" in p.message] == ["criterion"]

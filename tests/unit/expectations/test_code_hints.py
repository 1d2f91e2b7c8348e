"""What a code that no list takes might feed. Oracle: a study and lists of a few words, read by eye."""

from __future__ import annotations

import pytest

from expectations.code_hints import hints, variables, words
from mappings.code_model import CodeEntry, CodeList
from tests.fixtures.sample_frames import sample_study

LOINC, SNOMED, LOCAL = "http://loinc.org", "http://snomed.info/sct", "urn:hospital"
STUDY = sample_study()
CODES = {
    "child-pugh": CodeList("child-pugh", "Child-Pugh class", (CodeEntry(LOINC, "75622-1", "Child-Pugh score"),)),
    "lesion-count": CodeList("lesion-count", "Number of lesions", (CodeEntry(LOINC, "33728-7", "Tumour number"),)),
    "tace": CodeList("tace", "Transarterial chemoembolisation", (CodeEntry(SNOMED, "441525007"),)),
    "liver": CodeList("liver", "Liver", (CodeEntry(SNOMED, "10200004", "Liver structure"),)),
}


@pytest.mark.parametrize(
    ("view", "code", "displays", "expected"),
    [
        ("observation", "75622-1", (), [("child-pugh", "the list has this code under http://loinc.org")]),
        ("observation", "X1", ("CHILD score at ward round",), [("child-pugh", "its text shares “child”, “score”")]),
        ("observation", "X2", ("tumor size",), [("lesion-count", "its text shares “tumor”")]),  # two spellings
        ("observation", "X3", ("Bed number", "height"), [("lesion-count", "its text shares “number”")]),
        ("observation", "X4", ("height",), []),
        ("observation", "X5", (), []),
        ("procedure", "X6", ("Child-Pugh",), []),  # the list is looked for in other resources
        ("procedure", "441525007", ("anything",), [("tace", "the list has this code under http://snomed.info/sct")]),
        ("observation", "X7", ("liver",), []),  # a body site is no code of an observation
    ],
)
def test_what_a_code_might_feed_and_why(view, code, displays, expected):
    found = hints(STUDY, CODES, view, LOCAL, code, displays)
    assert [(hint.code_list, hint.why) for hint in found] == expected


def test_the_same_code_is_a_stronger_reason_than_shared_words():
    found = hints(STUDY, CODES, "observation", LOCAL, "33728-7", ("Child-Pugh score",))
    assert [hint.code_list for hint in found] == ["lesion-count", "child-pugh"]


def test_a_code_under_its_own_system_is_no_hint():
    assert hints(STUDY, CODES, "procedure", SNOMED, "441525007") == []


def test_variables_are_named_as_the_study_names_them():
    named = variables(STUDY)
    assert named["child-pugh"] == ("covariate Child-Pugh class",)
    assert named["systemic-treatment"] == ("criterion refractory", "response (new therapy)")
    assert "the index event" in named["tace"]
    assert "response" in named["tumour-response"]


def test_words_say_what_is_meant_in_one_spelling():
    assert words("Haemoglobin [Mass/volume] in Blood") == words("hemoglobin") == {"hemoglobin"}
    assert words("Tumour, CT of 3 mm") == {"tumor"}

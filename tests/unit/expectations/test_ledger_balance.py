"""The ledger's balance. Oracle: the equations of the design, one test for each that is broken by one."""

from dataclasses import replace

import pytest

from expectations.ledger import Ledger, Recount, SubjectCounts, TypeCounts, ViewCounts, imbalances

TYPE = TypeCounts(
    received=10, landed=6, duplicates=1, outcomes=1, not_asked={"include": 2}, server_total=6, distinct=6,
    accepted=5, quarantined=1,
)  # fmt: skip
VIEW = ViewCounts(accepted=5, with_rows=3, removed_by_where=1, empty_for_each=1, rows=9)
SUBJECTS = SubjectCounts(screened=4, analysed=3, excluded={"age": 1})
BALANCED = Ledger(types={"north": {"Patient": TYPE}}, views={"north": {"patient": VIEW}}, subjects=SUBJECTS)
FILES = Recount(
    landed={"north": {"Patient": 6}},
    accepted={"north": {"Patient": 5}},
    quarantined={"north": {"Patient": 1}},
    rows={"north": {"patient": 9}},
    subjects=SUBJECTS,
)


def test_a_balanced_ledger_says_nothing():
    assert imbalances(BALANCED, FILES) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"received": 11}, "11 entries received, 10 accounted for"),
        ({"landed": 7}, "entries received"),
        ({"duplicates": 0}, "entries received"),
        ({"outcomes": 2}, "entries received"),
        ({"not_asked": {}}, "entries received"),
        ({"server_total": 7}, "the server counts 7, 6 came"),
        ({"accepted": 4}, "6 landed, 5 accepted or quarantined"),
        ({"quarantined": 0}, "6 landed"),
    ],
)
def test_each_count_of_a_type_is_held(change, said):
    ledger = replace(BALANCED, types={"north": {"Patient": replace(TYPE, **change)}})
    assert any(said in sentence and "north Patient" in sentence for sentence in imbalances(ledger))


@pytest.mark.parametrize("field", ["accepted", "with_rows", "removed_by_where", "empty_for_each"])
def test_each_count_of_a_view_is_held(field):
    view = replace(VIEW, **{field: getattr(VIEW, field) + 1})
    assert any("view patient" in s for s in imbalances(replace(BALANCED, views={"north": {"patient": view}})))


@pytest.mark.parametrize("change", [{"screened": 5}, {"analysed": 2}, {"excluded": {}}])
def test_each_count_of_subjects_is_held(change):
    found = imbalances(replace(BALANCED, subjects=replace(SUBJECTS, **change)))
    assert any(s.startswith("subjects:") for s in found)


@pytest.mark.parametrize("stage", ["landed", "accepted", "quarantined"])
def test_a_line_gone_from_a_file_is_found(stage):
    there = getattr(FILES, stage)["north"]["Patient"]
    found = imbalances(BALANCED, replace(FILES, **{stage: {"north": {"Patient": there - 1}}}))
    assert found == (f"north Patient: the ledger says {there} {stage}, the files hold {there - 1}",)


def test_a_row_gone_from_a_table_is_found():
    assert len(imbalances(BALANCED, replace(FILES, rows={"north": {"patient": 8}}))) == 1


def test_a_subject_gone_from_the_analysis_tables_is_found():
    assert len(imbalances(BALANCED, replace(FILES, subjects=replace(SUBJECTS, screened=3)))) == 1


def test_before_acceptance_only_arrival_is_held():
    landed = replace(TYPE, accepted=None, quarantined=None)
    assert imbalances(Ledger(types={"north": {"Patient": landed}}), Recount(landed={"north": {"Patient": 6}})) == ()

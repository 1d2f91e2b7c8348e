"""A number with a comparator is used as it is written, and said. Oracle: docs/clarifications.md C-43, by hand."""

from __future__ import annotations

import pytest

from tests.unit.derive.hospital import Hospital, counted, only


@pytest.mark.parametrize(("comparator", "said"), [("<", "comparator <"), ("~", "comparator unreadable")])
def test_a_covariate_with_a_comparator_is_counted_by_it(comparator: str, said: str) -> None:
    h = Hospital()
    h.subject("p1")
    h.observe("p1", "size", -1, value_quantity=61, value_unit_code="mm", value_comparator=comparator)
    h.subject("p2")
    derived = h.derive()
    assert sorted(derived.adsl["size"]) == [4.0, 6.1]
    assert counted(derived, f"size: {said}") == 1
    row = only(derived.counts, reason=f"size: {said}")
    assert (row["step"], row["site"]) == ("covariates", "h")


def test_a_comparator_of_a_record_that_is_not_picked_is_not_counted() -> None:
    h = Hospital()
    h.subject("p1")
    h.observe("p1", "size", -2, value_quantity=1, value_unit_code="cm", value_comparator="<")  # the largest is 4
    assert not h.derive().counts["reason"].str.contains("comparator").any()


def test_a_criterion_that_measures_counts_it_too() -> None:
    h = Hospital()
    for patient, value, comparator in (("p1", 80, ">"), ("p2", 60, ">="), ("p3", 60, None)):
        h.subject(patient)
        h.observe(patient, "invasion", -5, value_quantity=value, value_unit_code="%", value_comparator=comparator)
    derived = h.derive()
    assert sorted(derived.adsl["EXCLRSN"].dropna()) == ["invasion"]
    assert only(derived.counts, step="criteria", reason="invasion: comparator >")["n"] == 1
    assert only(derived.counts, step="criteria", reason="invasion: comparator >=")["n"] == 1


def test_the_comparator_of_a_component_is_seen() -> None:
    h = Hospital()
    h.subject("p1")
    made = h.observe("p1", "panel", -1)
    h.add(
        "observation_component", id=made, patient_id="p1", code_system="http://example.org/codes", code="size",
        value_quantity=70, value_unit_code="mm", value_comparator=">",
    )  # fmt: skip
    assert counted(h.derive(), "size: comparator >") == 1

"""The rules of mRECIST, each by name.

Oracle: the definitions of Lencioni and Llovet (Semin Liver Dis 2010;30:52) and, for the overall response, table 1 of
RECIST 1.1 (Eur J Cancer 2009;45:228); every expected value is worked out by hand from them.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.derive.mrecist import Rules, assess, overall

AS_PUBLISHED = Rules()
COLUMNS = ["site", "patient_id", "rel", "id", "identity", "organ", "here", "diameter", "role", "enhancing", "status"]


def lesion(rel: int, identity: str, diameter: float | None = None, **more: Any) -> dict[str, Any]:
    """One lesion of one subject on one day; enhancing unless told otherwise."""
    made = {"site": "h", "patient_id": "p", "organ": "liver", "here": True, "role": None, "enhancing": "enhancing"}
    diameter = float("nan") if diameter is None else diameter
    return {
        **made,
        "status": None,
        "rel": rel,
        "id": f"{identity}-{rel}",
        "identity": identity,
        "diameter": diameter,
    } | more


def visits(*rows: dict[str, Any], rules: Rules = AS_PUBLISHED, asked: bool = True) -> pd.DataFrame:
    return assess(pd.DataFrame(list(rows), columns=COLUMNS), rules, enhancement_asked=asked)


def levels(*rows: dict[str, Any], rules: Rules = AS_PUBLISHED, asked: bool = True) -> list[str]:
    return list(visits(*rows, rules=rules, asked=asked)["level"])


# Targets


def test_at_most_two_targets_an_organ_the_largest_first() -> None:
    sizes = {"a": 20, "b": 50, "c": 30}
    found = visits(*(lesion(-5, k, v) for k, v in sizes.items()), *(lesion(40, k, v) for k, v in sizes.items()))
    assert (found["n_targets"][0], found["base"][0], found["total"][0]) == (2, 80, 80)


def test_at_most_five_targets_in_all() -> None:
    rows = [lesion(day, f"{o}{i}", 20, organ=o) for day in (-5, 40) for o in "wxyz" for i in range(2)]
    assert visits(*rows)["n_targets"][0] == 5


@pytest.mark.parametrize(("size", "targets"), [(9.9, 0), (10, 1)])
def test_a_target_measures_ten_millimetres_or_more(size: float, targets: int) -> None:
    assert visits(lesion(-5, "a", size), lesion(40, "a", size))["n_targets"][0] == targets


@pytest.mark.parametrize("said", ["not-enhancing", None])
def test_a_target_enhances_in_the_arterial_phase(said: str | None) -> None:
    pale = lesion(-5, "a", 30, enhancing=said)
    assert visits(pale, lesion(40, "a", 30))["n_targets"][0] == 0


def test_a_recorded_target_goes_before_a_larger_lesion() -> None:
    rows = [lesion(-5, "a", 20, role="target"), lesion(-5, "b", 50), lesion(-5, "c", 60)]
    assert visits(*rows, lesion(40, "a", 20))["base"][0] == 80


def test_a_recorded_non_target_is_no_target() -> None:
    assert visits(lesion(-5, "a", 50, role="non-target"), lesion(40, "a", 50))["n_targets"][0] == 0


def test_the_baseline_of_a_lesion_is_its_last_measure_before_treatment() -> None:
    assert visits(lesion(-40, "a", 90), lesion(-5, "a", 50), lesion(40, "a", 40))["base"][0] == 50


# The sum of viable diameters


@pytest.mark.parametrize(("size", "level"), [(0, "CR"), (35, "PR"), (35.1, "SD"), (50, "SD"), (59.9, "SD"), (60, "PD")])
def test_thirty_percent_below_baseline_and_twenty_above_nadir(size: float, level: str) -> None:
    assert levels(lesion(-5, "a", 50), lesion(40, "a", size)) == [level]


def test_the_nadir_holds_the_baseline() -> None:
    assert levels(lesion(-5, "a", 50), lesion(40, "a", 55), lesion(90, "a", 60)) == ["SD", "PD"]


def test_progression_is_from_the_smallest_sum_and_goes_before_partial_response() -> None:
    assert levels(lesion(-5, "a", 100), lesion(40, "a", 40), lesion(90, "a", 48)) == ["PR", "PD"]


def test_growth_after_complete_response_is_progression() -> None:
    assert levels(lesion(-5, "a", 50), lesion(40, "a", 0), lesion(90, "a", 3)) == ["CR", "PD"]


@pytest.mark.parametrize(("absolute", "level"), [(0, "PD"), (4, "PD"), (5, "PR")])
def test_the_five_millimetres_of_recist_only_where_the_study_asks(absolute: float, level: str) -> None:
    rows = [lesion(-5, "a", 50), lesion(40, "a", 12), lesion(90, "a", 16)]
    assert levels(*rows, rules=Rules(absolute_mm=absolute))[1] == level


def test_necrosis_without_shrinking_is_response() -> None:
    """The point of mRECIST: a lesion that no longer enhances is gone, whatever its size."""
    assert levels(lesion(-5, "a", 50), lesion(40, "a", 50, enhancing="not-enhancing")) == ["CR"]


def test_a_missing_target_is_not_evaluable_and_never_zero() -> None:
    base = lesion(-5, "a", 50), lesion(-5, "b", 40)
    assert levels(*base, lesion(40, "a", 0)) == ["NE"]
    assert levels(*base, lesion(40, "a", 0), lesion(40, "b", None)) == ["NE"]


def test_a_visit_that_cannot_be_evaluated_leaves_the_nadir() -> None:
    base = lesion(-5, "a", 50), lesion(-5, "b", 50)
    rows = [lesion(40, "a", 20), lesion(40, "b", 20), lesion(60, "a", 20), lesion(90, "a", 24), lesion(90, "b", 24)]
    assert levels(*base, *rows) == ["PR", "NE", "PD"]


def test_without_a_baseline_nothing_is_claimed() -> None:
    assert levels(lesion(40, "a", 50), lesion(90, "a", 90)) == ["NE", "NE"]


# Non-targets


@pytest.mark.parametrize(
    ("status", "answer", "level"),
    [("CR", "CR", "CR"), ("non-CR/non-PD", "non-CR/non-PD", "PR"), ("PD", "PD", "PD"), ("NE", "NE", "PR")],
)
def test_non_targets_as_recorded(status: str, answer: str, level: str) -> None:
    base = lesion(-5, "a", 50), lesion(-5, "b", 40, role="non-target")
    found = visits(*base, lesion(40, "a", 0), lesion(40, "b", None, status=status))
    assert (found["non_target"][0], found["level"][0]) == (answer, level)


def test_a_non_target_never_progresses_by_its_diameter() -> None:
    base = lesion(-5, "a", 50), lesion(-5, "b", 20, role="non-target")
    found = visits(*base, lesion(40, "a", 50), lesion(40, "b", 90))
    assert (found["non_target"][0], found["level"][0]) == ("non-CR/non-PD", "SD")


def test_a_missing_non_target_leaves_partial_response() -> None:
    base = lesion(-5, "a", 50), lesion(-5, "b", 20, role="non-target")
    assert levels(*base, lesion(40, "a", 30)) == ["PR"]


# New lesions


def test_a_new_lesion_at_the_site_is_progression() -> None:
    assert levels(lesion(-5, "a", 50), lesion(40, "a", 20), lesion(40, "b", 15)) == ["PD"]


def test_a_new_lesion_elsewhere_is_kept_apart() -> None:
    lung = lesion(40, "b", 15, organ="lung", here=False)
    found = visits(lesion(-5, "a", 50), lesion(40, "a", 20), lung)
    assert (found["level"][0], found["new"][0], found["elsewhere"][0]) == ("PR", False, True)


@pytest.mark.parametrize("more", [{"diameter": 9.0}, {"enhancing": "not-enhancing"}])
def test_a_small_or_pale_new_lesion_of_the_liver_is_equivocal(more: dict[str, Any]) -> None:
    assert levels(lesion(-5, "a", 50), lesion(40, "a", 50), {**lesion(40, "b", 15), **more}) == ["SD"]


def test_a_lesion_called_target_but_not_seen_before_is_not_new() -> None:
    assert levels(lesion(-5, "a", 50), lesion(40, "a", 50), lesion(40, "b", 30, role="target")) == ["SD"]


def test_a_new_lesion_is_progression_even_where_the_targets_are_missing() -> None:
    assert levels(lesion(-5, "a", 50), lesion(40, "b", 15)) == ["PD"]


# The matrix


@pytest.mark.parametrize(
    ("target", "non_target", "new", "level"),
    [
        ("CR", "CR", False, "CR"),
        ("CR", "none", False, "CR"),
        ("CR", "non-CR/non-PD", False, "PR"),
        ("CR", "NE", False, "PR"),
        ("PR", "NE", False, "PR"),
        ("PR", "non-CR/non-PD", False, "PR"),
        ("SD", "NE", False, "SD"),
        ("SD", "CR", False, "SD"),
        ("NE", "non-CR/non-PD", False, "NE"),
        ("PD", "CR", False, "PD"),
        ("NE", "PD", False, "PD"),
        ("CR", "CR", True, "PD"),
        ("none", "CR", False, "CR"),
        ("none", "non-CR/non-PD", False, "NE"),
        ("none", "PD", False, "PD"),
    ],
)
def test_the_overall_response(target: str, non_target: str, new: bool, level: str) -> None:
    assert overall(target, non_target, new) == level


# Properties

courses = st.lists(st.lists(st.integers(0, 120), min_size=2, max_size=2), min_size=1, max_size=5)


def _course(sizes: list[list[int]], factor: float = 1.0, names: str = "ab") -> list[dict[str, Any]]:
    base = [lesion(-5, names[0], 60 * factor), lesion(-5, names[1], 45 * factor)]
    days = enumerate(sizes, start=1)
    return base + [lesion(40 * n, names[i], size * factor) for n, both in days for i, size in enumerate(both)]


@settings(max_examples=60, deadline=None)
@given(courses, st.sampled_from([1.5, 3.0, 7.7]))
def test_scaling_all_diameters_changes_nothing(sizes: list[list[int]], factor: float) -> None:
    assert levels(*_course(sizes)) == levels(*_course(sizes, factor))


@settings(max_examples=60, deadline=None)
@given(courses, st.randoms(use_true_random=False))
def test_relabelling_lesions_and_shuffling_rows_changes_nothing(sizes: list[list[int]], random: Any) -> None:
    rows = _course(sizes, names="zy")
    random.shuffle(rows)
    assert levels(*_course(sizes)) == levels(*rows)

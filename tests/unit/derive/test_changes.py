"""What differs between two runs' tables. Oracles: the kinds of docs/release.md on frames with one thing changed; the
algebra of a difference (none with itself, mirrored the other way round, blind to row order)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.changes import KINDS, Kind, Moved, counts, moved, released_counts, subject_changes
from analysis.derive.derived import Derived


def tables(**changes: dict[str, Any]) -> Derived:
    """Three subjects, the third excluded; ``changes`` by subject, None takes it away."""
    made = []
    for n, name in enumerate(("s1", "s2", "s3")):
        said: dict[str, Any] = {
            "STUDYID": "made", "USUBJID": name, "SITEID": "a", "TRT01A": "A" if n else "B",
            "TRTSDT": pd.Timestamp("2020-01-01"), "ecog": 1.0, "ecog_day": -n,
            "ANL01FL": "N" if n == 2 else "Y", "EXCLRSN": "adult" if n == 2 else None, "DTHFL": "N",
            "SRCREF": f"Procedure/{name}-act/_history/1", "BOR": "SD", "CNSR": 1, "ADT": pd.Timestamp("2020-03-01"),
            "AVAL": 60.0, "EVNTDESC": "Last known alive",
        }  # fmt: skip
        if changes.get(name, {}) is not None:
            made.append({**said, **changes.get(name, {})})
    whole = pd.DataFrame(made)
    adsl = whole.drop(columns=["BOR", "CNSR", "ADT", "AVAL", "EVNTDESC"])
    adtte = whole[["USUBJID", "CNSR", "ADT", "AVAL", "EVNTDESC"]].assign(PARAMCD="OS", SRCREF="Encounter/e")
    adrs = pd.DataFrame(
        {"USUBJID": whole["USUBJID"], "PARAMCD": "BOR", "AVALC": whole["BOR"], "SRCREF": "Observation/o"}
    )
    return Derived(adsl, adrs, adtte, pd.DataFrame(), pd.DataFrame())


DIED = {"CNSR": 0, "EVNTDESC": "Death"}
CASES: list[tuple[str, dict[str, Any] | None, list[tuple[Kind, str]]]] = [
    ("s1", None, [("left", "is not screened")]),
    ("s1", {"ANL01FL": "N", "EXCLRSN": "adult"}, [("left", "is excluded by adult")]),
    ("s3", {"ANL01FL": "Y", "EXCLRSN": None}, [("entered", "was excluded by adult")]),
    ("s3", {"EXCLRSN": "ecog"}, [("exclusion", "is excluded by ecog, was excluded by adult")]),
    ("s3", None, [("exclusion", "is not screened, was excluded by adult")]),
    ("s1", {"TRT01A": "A"}, [("arm", "changed arm from B to A")]),
    ("s1", {"TRT01A": None}, [("arm", "changed arm from B to none")]),
    ("s1", {"TRTSDT": pd.Timestamp("2020-01-02")}, [("date", "index date from 2020-01-01 to 2020-01-02")]),
    ("s2", DIED, [("event", "OS from censored (Last known alive) at 60 days to event (Death) at 60 days")]),
    ("s2", {"AVAL": float("nan"), "ADT": pd.NaT},
     [("date", "OS from censored (Last known alive) at 60 days to censored (Last known alive) without a time")]),
    ("s2", {"BOR": "PR"}, [("response", "best response from SD to PR")]),
    ("s2", {"ecog": float("nan")}, [("covariate", "ecog from 1 to missing")]),
    ("s2", {"ecog_day": -5}, []),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "edit", "said"), CASES)
def test_one_edit_is_one_change(subject: str, edit: dict[str, Any] | None, said: list[tuple[Kind, str]]) -> None:
    found = subject_changes(tables(), tables(**{subject: edit}))
    assert [(one.usubjid, one.what) for one in found] == ([(subject, said)] if said else [])


MIRRORED = {"entered": "left", "left": "entered"}


@pytest.mark.parametrize(("subject", "edit", "said"), CASES)
def test_the_other_way_round_is_the_mirror(
    subject: str, edit: dict[str, Any] | None, said: list[tuple[Kind, str]]
) -> None:
    there, back = (counts(subject_changes(*pair)) for pair in _both(tables(), tables(**{subject: edit})))
    assert {MIRRORED.get(kind, kind): n for kind, n in back.items()} == there
    assert sum(there.values()) == len(said)


def _both(one: Derived, other: Derived) -> tuple[tuple[Derived, Derived], tuple[Derived, Derived]]:
    return (one, other), (other, one)


def test_row_order_changes_nothing_and_a_run_does_not_differ_from_itself() -> None:
    edited = tables(s1=None, s2=DIED)
    turned = replace(edited, adsl=edited.adsl.iloc[::-1], adrs=edited.adrs.iloc[::-1], adtte=edited.adtte.iloc[::-1])
    assert subject_changes(edited, turned) == []
    assert subject_changes(tables(), turned) == subject_changes(tables(), edited) != []


def test_a_change_names_what_its_rows_rest_on_and_no_arm_where_none_may_be_named() -> None:
    (one,) = subject_changes(tables(), tables(s2=DIED))
    assert one.named == {"Encounter/e"}
    (one,) = subject_changes(tables(), tables(s1={"TRT01A": "A"}), arms=False)
    assert (one.what, one.named) == ([("arm", "changed arm")], {"Procedure/s1-act/_history/1"})


@given(st.lists(st.integers(0, 40), min_size=len(KINDS), max_size=len(KINDS)), st.integers(0, 12))
def test_no_small_count_leaves_and_who_entered_does_not_tell_who_left(numbers: list[int], least: int) -> None:
    found = dict(zip(KINDS, numbers, strict=True))
    shown = released_counts(found, least)
    assert all(n is None or n == 0 or n >= least for n in shown.values())
    assert (shown["entered"] is None) == (shown["left"] is None)
    assert {kind: n for kind, n in shown.items() if n is not None}.items() <= found.items()
    if least <= 1:
        assert shown == found


def results(**values: float | str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"id": name, "value": float("nan") if isinstance(v, str) else v, "warning": v if isinstance(v, str) else ""}
            for name, v in values.items()
        ]
    )


def test_figures_move_by_value_by_reason_and_by_being_there() -> None:
    before = results(a=1.0, b=2.0, c="NE: no events", d="NE: no events", e=5.0, g="NE: no events")
    after = results(g="NE: no events", a=1.0, b=2.5, c=3.0, d="suppressed", f=6.0)
    assert moved(before, after) == [
        Moved("b", 2.0, 2.5),
        Moved("c", None, 3.0, "NE: no events"),
        Moved("d", None, None, "NE: no events; suppressed"),
        Moved("e", 5.0, None, "only before"),
        Moved("f", None, 6.0, "only after"),
    ]

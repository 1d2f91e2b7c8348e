"""What checks cost in subjects. Oracle: three small frames counted by hand."""

from __future__ import annotations

import pandas as pd

from expectations.catalogue import catalogue
from expectations.model import Finding
from expectations.outcomes import outcome
from expectations.subjects import left, touched, usable
from tests.unit.derive.hospital import study

ADSL = pd.DataFrame(
    {
        "USUBJID": ["a", "b", "c", "d", "x"],
        "SITEID": ["h", "h", "k", "k", "h"],
        "ANL01FL": ["Y", "Y", "Y", "Y", "N"],
    }
)
ADRS = pd.DataFrame({"USUBJID": ["a", "b", "c", "x"], "PARAMCD": "BOR", "AVALC": ["PR", "NE", "SD", "CR"]})
ADTTE = pd.DataFrame(
    {
        "USUBJID": ["a", "b", "c", "d", "x"] * 2,
        "PARAMCD": ["PFS"] * 5 + ["OS"] * 5,
        "AVAL": [10.0, 20.0, None, 5.0, 7.0, 10.0, 20.0, 30.0, -1.0, 7.0],
        "CNSR": [0, 1, 0, 0, 1] * 2,
    }
)
VALUES = {"response": {"a", "c"}, "PFS": {"a", "b", "d"}, "OS": {"a", "b", "c"}}


def test_who_has_a_usable_value_of_each_outcome() -> None:
    assert usable(study(), ADSL, ADRS, ADTTE) == {name: frozenset(keys) for name, keys in VALUES.items()}


def test_subjects_touched_and_lost_by_outcome() -> None:
    check = next(one for one in catalogue() if one.id == "age_18_to_110")
    one = outcome(check, Finding(check.id, "analysed", 5, 2, site="h"), ["a", "x"])
    values = {name: frozenset(keys) for name, keys in VALUES.items()}
    rows = touched([one], {"a": check.id}, values, "r")
    said = {row["outcome"]: (row["subjects"], row["lost"]) for row in rows.to_dict("records")}
    assert said == {"response": (1, 1), "PFS": (1, 1), "OS": (1, 1)}
    assert list(touched([one], {"a": "another"}, values, "r")["lost"]) == [0, 0, 0]


def test_what_is_left_at_each_site_adds_up() -> None:
    values = {name: frozenset(keys) for name, keys in VALUES.items()}
    rows = left(ADSL, {"a": "some_check"}, values, ["h", "k", "empty"], "r").set_index(["site", "outcome"])
    said = rows.loc[("h", "response")]
    assert (said["screened"], said["analysed"], said["dropped"], said["usable"], said["lost"]) == (3, 1, 1, 0, 2)
    assert tuple(rows.loc[("k", "PFS"), ["analysed", "usable", "lost"]]) == (2, 1, 1)
    assert tuple(rows.loc[("empty", "OS"), ["screened", "analysed", "lost"]]) == (0, 0, 0)
    assert (rows["lost"] == rows["dropped"] + rows["analysed"] - rows["usable"]).all()

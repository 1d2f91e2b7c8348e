"""What record and supplement each say of a response assessment. Oracle: docs/supplement.md, followed by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from analysis.supplement import PREFIX
from tests.unit.derive.hospital import STUDY, Hospital, study

COLUMNS = ["ADY", "AVALC", "READER", "SOURCE", "SRCLSTFL", "OTHAVALC"]


class Charts(Hospital):
    """One subject whose responses both the record and a supplement hold."""

    def __init__(self) -> None:
        super().__init__()
        self.subject(assessed=False)
        self._added = 0

    def chart(self, when: int, level: str, reader: str = "r1", **more: Any) -> None:
        self._added += 1
        self.assess("p1", when, level, reader, id=f"{PREFIX}{self._added}", **more)

    def told(self, prefer: str = "record", **response: Any) -> list[tuple[Any, ...]]:
        variables = {"response": {"list": "response", "values": "response", "site": "liver"}}
        rules = {"file": "x.csv", "closed": date(2024, 1, 1), "prefer": prefer, "variable": variables}
        derived = self.derive(study(supplement=rules, response={**STUDY["response"], **response}))
        seen = derived.adrs[derived.adrs["PARAMCD"] == "OVRLRESP"][COLUMNS]
        rows = seen.astype("object").where(seen.notna(), None).itertuples(index=False, name=None)
        return sorted(rows, key=str)


@pytest.mark.parametrize("prefer", ["record", "supplement"])
def test_each_source_says_what_the_other_says_whichever_is_preferred(prefer: str) -> None:
    clinic = Charts()
    clinic.assess("p1", 60, "SD")
    clinic.chart(60, "PR")
    assert clinic.told(prefer) == [
        (60, "PR", "r1", "supplement", "Y", "SD"),
        (60, "SD", "r1", "record", "Y", "PR"),
    ]


def test_what_one_source_holds_alone_has_no_other() -> None:
    clinic = Charts()
    clinic.assess("p1", 60, "SD")
    clinic.chart(120, "PD")
    assert clinic.told() == [(120, "PD", "r1", "supplement", "Y", None), (60, "SD", "r1", "record", "Y", None)]


def test_the_last_of_each_source_is_compared() -> None:
    clinic = Charts()
    clinic.assess("p1", 60, "CR", issued="2020-05-01T08:00:00Z")
    clinic.assess("p1", 60, "PD", issued="2020-05-01T07:00:00Z")
    clinic.chart(60, "PR")
    assert clinic.told() == [
        (60, "CR", "r1", "record", "Y", "PR"),
        (60, "PD", "r1", "record", "N", None),
        (60, "PR", "r1", "supplement", "Y", "CR"),
    ]


def test_another_reader_or_body_site_is_no_pair() -> None:
    clinic = Charts()
    clinic.assess("p1", 60, "SD")
    clinic.chart(60, "PR", "r2")
    clinic.chart(60, "CR", body_site="lung")
    assert {row[-1] for row in clinic.told()} == {None}


def test_without_named_readers_the_day_and_body_site_are_the_pair() -> None:
    clinic = Charts()
    clinic.assess("p1", 60, "SD", "somebody")
    clinic.chart(60, "PR", "board")
    assert [row[-1] for row in clinic.told(readers=None)] == ["SD", "PR"]


def test_a_reader_the_study_does_not_name_has_no_last() -> None:
    clinic = Charts()
    clinic.assess("p1", 60, "SD", "stranger")
    clinic.chart(60, "PR", "stranger")
    assert {row[-2:] for row in clinic.told()} == {("N", None)}


def test_without_a_supplement_nothing_is_said_of_sources() -> None:
    clinic = Charts()
    clinic.assess("p1", 60, "SD")
    adrs: pd.DataFrame = clinic.derive().adrs
    assert adrs[["SOURCE", "SRCLSTFL", "OTHAVALC"]].isna().all(axis=None)

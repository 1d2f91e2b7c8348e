"""What `trace` and a case say of an endpoint or an adverse event.

Oracles: docs/derivation.md, "Endpoints" (the codes of competing events follow those of the censoring dates) and
"Adverse events"; rows made by hand.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.cases.model import Expected
from analysis.cases.verdicts import differences
from analysis.derive.derived import Derived
from analysis.derive.pseudonym import usubjid
from analysis.derive.source_rows import endpoint_text, source_rows
from analysis.derive.story import story
from flows.subject_story import _date, _says
from tests.unit.derive.hospital import KEY, Hospital, maps
from tests.unit.derive.test_competing_events import CODES, WITH_COMPETING

ME = usubjid(KEY, "h", "dies")
WORDS = {0: "event", 1: "censored", 2: "censored", 3: "competing event", 4: "censored"}
"""Of the endpoint TTR by CNSR; 4 is a sensitivity analysis' own reason to censor."""


def _derived(cnsr: int) -> Derived:
    adsl = {"USUBJID": ME, "TRTSDT": pd.Timestamp("2020-03-01"), "TRT01A": "New", "ANL01FL": "Y", "EXCLRSN": None}
    adtte = {
        "USUBJID": ME, "PARAMCD": "TTR", "CNSR": cnsr, "AVAL": 90.0, "EVNTDESC": "Why", "CNSDTDSC": "Why",
        "SRCREF": "Patient/dies/_history/1",
    }  # fmt: skip
    event = {"USUBJID": ME, "AEDECOD": "fever", "SRCREF": "AdverseEvent/a/_history/1"}
    adae = [
        {**event, "PARAMCD": "EVENT", "ATOXGR": "3"},
        {**event, "PARAMCD": "EVENT", "ATOXGR": None},
        {**event, "PARAMCD": "ABSENT", "ATOXGR": None},
        {**event, "PARAMCD": "LOOKED", "ATOXGR": None, "AEDECOD": "visit"},
    ]
    none = pd.DataFrame({"USUBJID": [], "PARAMCD": []})
    frames = [pd.DataFrame([{**adsl, "SRCREF": None}]), none, pd.DataFrame([adtte]), none, none]
    return Derived(*frames, adae=pd.DataFrame(adae))


@pytest.mark.parametrize("cnsr", WORDS)
def test_a_competing_event_is_not_called_censored(cnsr: int) -> None:
    said = [sentence for _, sentence in source_rows(WITH_COMPETING, _derived(cnsr), ME)]
    assert said[-1] == f"ADTTE TTR: {WORDS[cnsr]} (Why) at 90 days"
    row: dict[Any, Any] = {"CNSR": cnsr, "AVAL": 90.0, "EVNTDESC": "Why"}
    assert endpoint_text(row) == f"{'event' if cnsr == 0 else 'censored'} (Why) at 90 days"


def test_a_case_that_expects_an_event_hears_that_it_was_a_competing_one() -> None:
    wanted = Expected.model_validate({"analysed": True, "endpoint": {"TTR": {"event": True}}})
    found = {n: differences(WITH_COMPETING, _derived(n), ME, wanted) for n in WORDS}
    assert found == {
        0: [],
        1: ["TTR: censored; expected: an event"],
        2: ["TTR: censored; expected: an event"],
        3: ["TTR: a competing event; expected: an event"],
        4: ["TTR: censored; expected: an event"],
    }


def test_adverse_events_are_told_by_their_records() -> None:
    said = [one for one in source_rows(WITH_COMPETING, _derived(1), ME) if one[1].startswith("ADAE")]
    assert said == [
        (("AdverseEvent", "a"), "ADAE fever: event, grade 3"),
        (("AdverseEvent", "a"), "ADAE fever: event"),
        (("AdverseEvent", "a"), "ADAE fever: said not to be there"),
        (("AdverseEvent", "a"), "ADAE visit: someone looked"),
    ]


def test_an_adverse_event_stands_at_the_day_it_happened_and_says_what_it_was() -> None:
    resource = {
        "resourceType": "AdverseEvent", "recordedDate": "2020-05-09", "date": "2020-04-01", "detected": "2020-04-02",
        "event": {"text": "Fever"},
    }  # fmt: skip
    assert (_date(resource), _says(resource)) == ("2020-04-01", "Fever")
    del resource["date"]
    assert _date(resource) == "2020-04-02"


def test_a_record_of_a_competing_event_is_named() -> None:
    swapped = WITH_COMPETING.model_copy(
        update={
            "endpoint": tuple(
                one.model_copy(update={"events": one.competing, "competing": one.events}) if one.competing else one
                for one in WITH_COMPETING.endpoint
            )
        }
    )
    h = Hospital()
    h.subject("recurs")
    h.coded("condition", "relapse", "recurs", onset_date=200, id="r", verification_status="confirmed")
    told = story(swapped, CODES, maps(), h.tables(), {})
    assert "endpoint TTR: Recurrence" in told.of(("Condition", "r"))

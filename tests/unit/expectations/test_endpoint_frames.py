"""What the checks on endpoints look at. Oracle: the rules of derivation (a death ends an endpoint on whatever day it is
recorded; without a date it is an event without a time) and four subjects made by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.derive.pseudonym import usubjid
from expectations.frames import analysis_frames
from tests.fixtures.sample_frames import sample_study
from tests.unit.derive.hospital import KEY, STUDY, Hospital, study

INDEX, LATER = "2019-01-10", "2019-03-01"
# subject: dead, day of death, day of an accepted PD, (PFS censored?, day), (OS censored?, day)
SUBJECTS = {
    "dead-before-index": ("Y", "2019-01-09", None, (0, "2019-01-09"), (0, "2019-01-09")),
    "dead-undated": ("Y", None, LATER, (0, LATER), (0, None)),
    "progression-not-in-adtte": ("N", None, LATER, (1, "2019-05-01"), (1, "2019-05-01")),
    "death-not-recorded": ("N", None, None, (1, LATER), (0, LATER)),
}


@pytest.fixture(scope="module")
def endpoints() -> pd.DataFrame:
    days: Any = pd.to_datetime
    adsl = pd.DataFrame(
        [
            {"USUBJID": s, "ANL01FL": "Y", "TRT01A": "cTACE", "TRTSDT": days(INDEX), "DTHFL": dead, "DTHDT": days(died)}
            for s, (dead, died, *_) in SUBJECTS.items()
        ]
    ).assign(EXCLRSN=None, SITEID="h", LSTALVDT=None, **dict.fromkeys(sample_study().covariate))
    adsl = adsl.assign(age=60.0, sex="male")
    adrs = pd.DataFrame(
        [
            {"USUBJID": s, "PARAMCD": "OVRLRESP", "AVALC": "PD", "ADT": days(seen), "ACCEPTED": "Y", "SITEFL": "Y"}
            for s, (_, _, seen, *_) in SUBJECTS.items()
            if seen
        ]
    )
    adtte = pd.DataFrame(
        [
            {"USUBJID": s, "PARAMCD": name, "CNSR": cnsr, "STARTDT": days(INDEX), "ADT": days(day)}
            for s, (_, _, _, *times) in SUBJECTS.items()
            for name, (cnsr, day) in zip(("PFS", "OS"), times, strict=True)
        ]
    )
    adtte = adtte.assign(AVAL=(adtte["ADT"] - adtte["STARTDT"]).dt.days)
    frames = analysis_frames(sample_study(), adsl, adrs, adtte, adsl[["USUBJID"]], frozenset(SUBJECTS))
    return frames["endpoints"].set_index(["USUBJID", "PARAMCD"])


@pytest.mark.parametrize("endpoint", ["PFS", "OS"])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_only_what_the_records_contradict_disagrees(endpoints: pd.DataFrame, subject: str, endpoint: str) -> None:
    row: Any = endpoints.loc[(subject, endpoint)]
    wrong = (subject, endpoint) in {("progression-not-in-adtte", "PFS"), ("death-not-recorded", "OS")}
    assert (row["IS_EVENT"] != row["EVENT_RECORDED"]) == wrong


def test_days_of_events_are_those_recorded(endpoints: pd.DataFrame) -> None:
    both = endpoints[endpoints["EVENT_DATE"].notna() & endpoints["EVENT_DATE_RECORDED"].notna()]
    assert len(both) == 3
    assert (both["EVENT_DATE"] == both["EVENT_DATE_RECORDED"]).all()


def test_a_response_counts_at_the_site_the_endpoint_asks_for() -> None:
    """Without a site of its own an event goes by the response's; of another site ADTTE and its record are believed."""
    elsewhere = [{"response": "PD", "site": "invasion", "desc": "Progression elsewhere"}]
    anywhere = [{"response": "PD", "desc": "Progression"}]
    censors = [{"last": "evidence alive", "desc": "Last known alive"}]
    asked = study(
        endpoint=[
            {"id": "PFS", "label": "At the response's site", "events": anywhere, "censors": censors},
            {"id": "EXT", "label": "At another site", "events": elsewhere, "censors": censors},
        ],
        analysis={"sensitivity": [one for one in STUDY["analysis"]["sensitivity"] if one["id"] == "breslow"]},
    )
    h = Hospital()
    h.subject("liver")
    h.assess("liver", 90, "PD")
    h.subject("elsewhere")
    h.assess("elsewhere", 80, "PD", body_site="invasion")
    found = h.derive(asked)
    everyone = frozenset(found.adsl["USUBJID"])
    rows = analysis_frames(asked, found.adsl, found.adrs, found.adtte, found.analysis_table, everyone)["endpoints"]
    events = {(row["USUBJID"], row["PARAMCD"]) for row in rows.to_dict("records") if row["IS_EVENT"] == "Y"}
    assert events == {(usubjid(KEY, "h", "liver"), "PFS"), (usubjid(KEY, "h", "elsewhere"), "EXT")}
    assert list(rows["IS_EVENT"]) == list(rows["EVENT_RECORDED"])
    dated = rows[rows["IS_EVENT"] == "Y"]
    assert list(dated["EVENT_DATE"]) == list(dated["EVENT_DATE_RECORDED"])

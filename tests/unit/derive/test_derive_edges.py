"""Thin, empty and odd inputs: the derivation completes, or says in one sentence why it cannot.

Oracle: docs/derivation.md and docs/architecture.md ("Derivation").
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date

import ibis
import pandas as pd
import pytest

from analysis.derive import Derived, SiteRules, derive
from analysis.derive.inputs import VIEWS, schema
from mappings.errors import DefinitionError, UnusableDataError
from tests.unit.derive.hospital import KEY, STUDY, Hospital, codes, counted, day, maps, only, study

FRAMES = ("adsl", "adrs", "adtte", "analysis_table", "counts")


def test_an_empty_cohort_is_one_clear_sentence() -> None:
    h = Hospital()
    h.patient("p1")
    h.act("p1", -200)  # before the study's dates
    with pytest.raises(UnusableDataError, match=r"^The cohort is empty: no patient has a procedure of the list 'act'"):
        h.derive()


def test_no_tables_at_all_is_an_empty_cohort() -> None:
    with pytest.raises(UnusableDataError, match="The cohort is empty"):
        derive(study(), codes(), maps(), {}, KEY, {})


@pytest.fixture(scope="module")
def bare() -> Derived:
    """One procedure and nothing else: no patient record, no other view, every optional column null or absent."""
    rows = [
        {"site": "h", "id": "a", "patient_id": "p1", "status": "completed", "code": "act", "performed_date": day(0)}
    ]
    t = ibis.memtable(pd.DataFrame(rows)).mutate(
        code_system=ibis.literal("http://example.org/codes"), version=ibis.null()
    )
    return derive(study(), codes(), maps(), {"procedure": t}, KEY, {})


def test_missing_views_and_columns_count_as_empty(bare: Derived) -> None:
    row = bare.adsl.iloc[0]
    assert (len(bare.adsl), row["EXCLRSN"], row["TRT01A"], row["SRCREF"]) == (
        1,
        "material-unknown",
        None,
        "Procedure/a",
    )
    assert row["LSTALVDT"] == row["TRTSDT"]
    assert counted(bare, "no Patient record") == 1


def test_frames_without_rows_keep_their_columns(bare: Derived) -> None:
    full = Hospital()
    full.subject()
    whole = full.derive()
    for name in FRAMES:
        assert list(getattr(bare, name).columns) == list(getattr(whole, name).columns)
    assert len(bare.adrs) == len(bare.adtte) == len(bare.analysis_table) == 0


def test_one_empty_arm_is_derived(bare: Derived) -> None:
    h = Hospital()
    h.subject("p1", "new")
    h.subject("p2", "new")
    made = h.derive()
    assert set(made.analysis_table["TRT01A"]) == {"New"}


# docs/architecture.md, "Derivation"
COLUMNS = {
    "adsl": """STUDYID USUBJID SITEID TRT01A TRTSDT TRTSDTF age age_cat sex grade size size_cat grade_day size_day
        ANL01FL EXCLRSN DTHFL DTHDT DTHDTF LSTALVDT LSTALVSRC N_SESSIONS ARM_SWITCH SRCREF""",
    "adrs": """USUBJID TRT01A PARAMCD ASEQ AVALC ADT ADTF ADY READER ORIGIN LASTFL SOURCE SRCLSTFL OTHAVALC ACCEPTED
        SITEFL IMAGING IMGMOD IMGPHASE SRCREF""",
    "adtte": """USUBJID TRT01A PARAMCD PARAM AVAL AVALU CNSR STARTDT ADT ADTF EVNTDESC CNSDTDSC SRCDOM SRCVAR SRCSEQ
        SRCREF ANL01FL""",
    "analysis_table": """USUBJID SITEID TRT01A age age_cat sex grade size size_cat BOR PFS_AVAL PFS_CNSR OS_AVAL
        OS_CNSR""",
    "counts": "step site reason n",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_the_contract(name: str, bare: Derived) -> None:
    assert list(getattr(bare, name).columns) == COLUMNS[name].split()


@pytest.fixture(scope="module")
def sites() -> Derived:
    """The same two stories at a site whose deaths are complete to a day and at one that only has its records."""
    tables: dict[str, ibis.Table] = {}
    for name in ("register", "record"):
        h = Hospital(name)
        h.subject("p1")
        h.subject("p2", deceased_date=day(90))
        h.subject("p3")
        h.observe("p3", "laboratory", 300)
        h.subject("p4", deceased=True)
        h.act("p5", "2020-03-01T23:30:00Z")
        h.patient("p5")
        for view, made in h.tables().items():
            tables[view] = tables[view].union(made) if view in tables else made
    rules = {"register": SiteRules(date(2020, 12, 1), "Europe/Berlin")}
    return derive(study(), codes(), maps(), tables, KEY, rules)


def hashed(site: str, patient: str) -> str:
    return hmac.new(KEY, f"{site}|{patient}".encode(), hashlib.sha256).hexdigest()[:16]


def test_patients_of_two_sites_are_two_subjects_under_keyed_hashes(sites: Derived) -> None:
    wanted = {hashed(site, f"p{i}") for site in ("register", "record") for i in range(1, 6)}
    assert set(sites.adsl["USUBJID"]) == wanted
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in wanted)


@pytest.mark.parametrize(
    ("site", "patient", "date_", "source"),
    [
        ("register", "p1", "2020-12-01", "deaths complete"),
        ("record", "p1", day(60), "observation"),
        ("register", "p2", day(60), "observation"),
        ("register", "p3", day(300), "observation"),
        ("register", "p4", day(60), "observation"),
    ],
)
def test_os_censoring_by_the_site_s_own_rule(site: str, patient: str, date_: str, source: str, sites: Derived) -> None:
    row = only(sites.adsl, USUBJID=hashed(site, patient))
    assert (row["LSTALVDT"].date().isoformat(), row["LSTALVSRC"]) == (date_, source)
    if patient in ("p1", "p3"):
        told = only(sites.adtte, USUBJID=hashed(site, patient), PARAMCD="OS")
        assert (told["ADT"], told["CNSR"]) == (row["LSTALVDT"], 1)


def test_an_instant_falls_on_the_site_s_own_day(sites: Derived) -> None:
    # 23:30 in UTC is half past midnight in Berlin; a site without a zone keeps the day as written.
    assert only(sites.adsl, USUBJID=hashed("register", "p5"))["TRTSDT"].date().isoformat() == "2020-03-02"
    assert only(sites.adsl, USUBJID=hashed("record", "p5"))["TRTSDT"].date().isoformat() == "2020-03-01"


def test_a_study_without_response_or_criteria() -> None:
    h = Hospital()
    h.subject("p1")
    h.subject("p2", "old", deceased_date=day(30))
    plain = {
        key: value for key, value in STUDY.items() if key not in ("response", "criterion", "covariate", "analysis")
    }
    made = study(response=None, criterion=[], covariate={}, analysis={}, endpoint=[plain["endpoint"][1]])
    derived = h.derive(made)
    assert list(derived.analysis_table.columns) == ["USUBJID", "SITEID", "TRT01A", "BOR", "OS_AVAL", "OS_CNSR"]
    assert sorted(derived.analysis_table["OS_AVAL"]) == [30.0, 60.0]
    assert derived.analysis_table["BOR"].isna().all()
    assert len(derived.adrs) == 0
    assert derived.variants == {}


def test_a_study_without_readers_takes_the_later_issued() -> None:
    h = Hospital()
    h.subject("p1")
    h.assess("p1", 60, "PR", "anyone", issued="2020-05-02")
    response = {key: value for key, value in STUDY["response"].items() if key != "readers"}
    row = only(h.derive(study(response=response)).adrs, PARAMCD="OVRLRESP", ACCEPTED="Y")
    assert row["AVALC"] == "PR"


def test_a_list_the_study_does_not_place_is_named() -> None:
    h = Hospital()
    h.subject()
    placed = {name: use for name, use in STUDY["list"].items() if name != "grade"}
    with pytest.raises(DefinitionError, match=r"^list\.grade: the study file does not say in which table"):
        h.derive(study(list=placed))


def test_partial_index_dates_are_their_middle_and_flagged() -> None:
    h = Hospital()
    h.subject("p1")
    h.rows["procedure"][0]["performed_date"] = "2020-03"
    derived = h.derive()
    row = derived.adsl.iloc[0]
    assert (row["TRTSDT"].date().isoformat(), row["TRTSDTF"]) == ("2020-03-16", "D")
    assert counted(derived, "partial date, its middle is used") == 1


def test_every_view_the_derivation_reads_has_a_site() -> None:
    assert all(next(iter(schema(view))) == "site" for view in VIEWS)

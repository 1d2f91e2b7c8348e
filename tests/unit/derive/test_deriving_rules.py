"""The rows of the "Deriving" rules, one by one, on a small hospital.

Oracle: docs/derivation.md; every expected value follows from the rule by hand. One derivation serves all: each subject
below is one case.
"""

from __future__ import annotations

import math

import pandas as pd
import pytest

from analysis.derive import Derived, SiteRules
from analysis.derive.pseudonym import usubjid
from tests.unit.derive.hospital import INDEX, KEY, Hospital, S, counted, day, only


def _sessions(h: Hospital) -> None:
    h.subject("sessions")
    h.act("sessions", 40)
    h.act("sessions", 90, "old")
    h.assess("sessions", 120, "SD")
    h.subject("mixed", "both")
    h.subject("mixed-in-two", "new")
    h.act("mixed-in-two", 0, "old")
    h.subject("unknown-material", None)
    h.subject("washout")
    h.act("washout", -100)
    h.subject("long-ago")
    h.act("long-ago", -181)
    h.subject("not-done")
    h.act("not-done", -30, status="not-done")
    h.subject("by-name", None)
    thing = h.add("device", device_name="Fancy  Beads 300-500 um")
    h.add("procedure_used", id="act-by-name", patient_id="by-name", role="used", device_id=thing)
    h.subject("by-administration", None)
    drug = h.coded("medication", "new")
    h.add(
        "medication_administration",
        patient_id="by-administration",
        status="completed",
        medication_id=drug,
        procedure_id="act-by-administration",
        effective_date=0,
    )
    h.subject("by-code", None)
    h.add(
        "procedure_used_code",
        id="act-by-code",
        patient_id="by-code",
        code_system=S,
        code="new",
    )
    h.subject("reference-lost", None)
    h.add("procedure_used", id="act-reference-lost", patient_id="reference-lost", role="used")


def _response(h: Hospital) -> None:
    h.subject("progressed-before")
    h.assess("progressed-before", -30, "PD")
    h.subject("assessed-on-index", assessed=False)
    h.assess("assessed-on-index", 0, "SD")
    h.subject("assessed-after-cutoff")
    h.assess("assessed-after-cutoff", 487, "PD")
    h.subject("better-after-progression", assessed=False)
    h.assess("better-after-progression", 50, "PD")
    h.assess("better-after-progression", 100, "CR")
    h.subject("better-after-death", deceased_date=day(70))
    h.assess("better-after-death", 80, "CR")
    h.subject("new-therapy")
    h.coded("medication_administration", "drug", "new-therapy", status="completed", effective_date=70)
    h.assess("new-therapy", 80, "PR")
    h.subject("drug-of-the-act")
    act = h.act("drug-of-the-act", 70)
    h.coded(
        "medication_administration", "drug", "drug-of-the-act", status="completed", effective_date=70, procedure_id=act
    )
    h.assess("drug-of-the-act", 80, "PR")
    h.subject("stable-too-early", assessed=False)
    h.assess("stable-too-early", 27, "SD")
    h.subject("stable-just-enough", assessed=False)
    h.assess("stable-just-enough", 28, "SD")
    h.subject("early-stable-then-progression", assessed=False)
    h.assess("early-stable-then-progression", 20, "SD")
    h.assess("early-stable-then-progression", 40, "PD")
    h.subject("progression-on-death", deceased_date=day(50), assessed=False)
    h.assess("progression-on-death", 50, "PD")
    h.subject("not-evaluable")
    h.assess("not-evaluable", 90, "NE")
    h.subject("elsewhere")
    h.assess("elsewhere", 90, "PD", body_site="lung")
    h.subject("preliminary")
    h.assess("preliminary", 90, "PD", status="preliminary")
    h.subject("in-error")
    h.assess("in-error", 90, "PD", status="entered-in-error")
    h.subject("swapped", assessed=False)
    made = h.assess("swapped", 60, "SD")
    h.rows["observation_value"][-1]["code_display"] = "Progressive disease"
    assert h.rows["observation_value"][-1]["id"] == made
    h.subject("unmapped")
    h.assess("unmapped", 90, "improved")
    h.subject("plain-words", assessed=False)
    made = h.coded(
        "observation", "response", "plain-words", status="final", effective_date=60, value_string=" pr ",
        performer_id="r1", body_site_system=S, body_site="liver",
    )  # fmt: skip


def _readers(h: Hospital) -> None:
    h.subject("agree")
    h.assess("agree", 60, "SD", "r2")
    h.subject("settled")
    h.assess("settled", 60, "PR", "r2")
    h.assess("settled", 60, "PR", "r3")
    h.subject("unsettled")
    h.assess("unsettled", 60, "PR", "r2")
    h.subject("second-only", assessed=False)
    h.assess("second-only", 60, "PR", "r2")
    h.subject("stranger")
    h.assess("stranger", 90, "PD", "r9")
    h.subject("corrected", assessed=False)
    h.assess("corrected", 60, "SD", issued="2020-05-01T10:00:00Z")
    h.assess("corrected", 60, "PR", issued="2020-05-01T11:30:00+02:00")  # half an hour earlier, for all its digits
    h.subject("scanned")
    scan = {"patient_id": "scanned", "status": "available", "modality": "CT"}
    h.add("imaging_study", **scan, started=day(50))
    h.add("imaging_study", **scan, started=day(45))
    h.subject("scanned-in-series")
    study = h.add("imaging_study", patient_id="scanned-in-series", status="available")
    h.add("imaging_series", id=study, patient_id="scanned-in-series", modality="MR", started=day(61))
    h.subject("scanned-at-the-limit")
    h.add("imaging_study", **{**scan, "patient_id": "scanned-at-the-limit"}, started=day(74))
    h.subject("scanned-too-far")
    h.add("imaging_study", **{**scan, "patient_id": "scanned-too-far"}, started=day(45))


def _times(h: Hospital) -> None:
    h.subject("dead-in-month", deceased_date="2020-09")
    h.subject("dead-in-year", deceased_date="2020")
    h.subject("dead-undated", deceased=True)
    h.subject("dead-undated-progressed", deceased=True)
    h.assess("dead-undated-progressed", 90, "PD")
    h.subject("dead-after-cutoff", deceased_date=day(490))
    h.subject("marked-dead-after-cutoff", deceased=True)
    h.observe("marked-dead-after-cutoff", "death", 495)
    h.subject("dead-by-observation")
    h.observe("dead-by-observation", "death", 120)
    h.subject("dead-twice", deceased_date=day(100))
    h.observe("dead-twice", "death", 120)
    h.subject("dead-before", deceased_date=day(-5))
    h.subject("dead-on-index", deceased_date=day(0), assessed=False)
    h.subject("dead-long-after", deceased_date=day(400))
    h.subject("contact")
    h.observe("contact", "contact", 300, value_date=day(200))
    h.subject("contact-told-late")
    h.observe("contact-told-late", "contact", 500, value_date=day(210))
    h.subject("vital-alive")
    h.observe("vital-alive", "vital", 220, "alive")
    h.subject("vital-lost")
    h.observe("vital-lost", "vital", 220, "lost")
    h.subject("vital-dead")
    h.observe("vital-dead", "vital", 220, "dead")
    h.subject("visit")
    h.add("encounter", patient_id="visit", status="finished", period_start=day(150), period_end=day(155))
    h.add("encounter", patient_id="visit", status="planned", period_start=day(300))
    h.subject("stay-over-cutoff")
    h.add("encounter", patient_id="stay-over-cutoff", status="finished", period_start=day(480), period_end=day(495))
    h.subject("issued-only")
    h.observe("issued-only", "laboratory", None, issued=day(300))
    h.subject("measured")
    h.observe("measured", "laboratory", 170)
    h.subject("measured-after-death", deceased_date=day(100))
    h.observe("measured-after-death", "laboratory", 170)


def _covariates(h: Hospital) -> None:
    h.subject("grade-missing")
    h.rows["observation"] = [
        o for o in h.rows["observation"] if (o["patient_id"], o["code"]) != ("grade-missing", "grade")
    ]
    h.subject("grade-three")
    h.observe("grade-three", "grade", -1, "g3")
    h.subject("refuted")
    h.rows["condition"][-1]["verification_status"] = "refuted"
    h.subject("unconfirmed")
    h.rows["condition"][-1]["verification_status"] = None
    h.subject("invaded")
    h.observe("invaded", "invasion", -10, value_quantity=80, value_unit_code="%")
    h.subject("less-invaded-lately")
    h.observe("less-invaded-lately", "invasion", -40, value_quantity=80, value_unit_code="%")
    h.observe("less-invaded-lately", "invasion", -5, value_quantity=70, value_unit_code="%")
    h.subject("operated-later")
    h.coded("procedure", "surgery", "operated-later", status="completed", performed_date=45)
    h.subject("operated-before")
    h.coded("procedure", "surgery", "operated-before", status="completed", performed_date=-45)
    h.subject("two-reasons")
    h.observe("two-reasons", "grade", -1, "g4")
    h.coded("procedure", "surgery", "two-reasons", status="completed", performed_date=45)
    h.subject("on-index-day")
    h.observe("on-index-day", "grade", 0, "g2")
    h.subject("later-issued")
    h.observe("later-issued", "grade", -2, "g2", issued="2020-02-28T09:00:00Z")
    h.observe("later-issued", "grade", -2, "g0", issued="2020-02-28T08:00:00Z")
    h.subject("higher-id")
    h.observe("higher-id", "grade", -2, "g2", id="x-9")
    h.observe("higher-id", "grade", -2, "g0", id="x-1")
    h.subject("outside-window")
    h.observe("outside-window", "grade", 1, "g2")
    h.observe("outside-window", "grade", -29, "g0")
    h.subject("error-entered")
    h.observe("error-entered", "grade", -1, "g2", status="entered-in-error")
    h.subject("largest")
    h.observe("largest", "size", -50, value_quantity=61, value_unit_code="mm")
    h.subject("in-component")
    made = h.observe("in-component", "panel", -1)
    h.add(
        "observation_component", id=made, patient_id="in-component", code_system=S, code="size",
        value_quantity=70, value_unit_code="mm",
    )  # fmt: skip
    h.subject("at-the-cut")
    h.observe("at-the-cut", "size", -1, value_quantity=50, value_unit_code="mm")
    h.subject("odd-unit")
    h.observe("odd-unit", "size", -1, value_quantity=900, value_unit_code="kg")
    h.subject("integer")
    h.observe("integer", "grade", -1, value_integer=2)
    h.subject("string")
    h.observe("string", "grade", -1, value_string="2")
    h.subject("by-interpretation")
    h.observe("by-interpretation", "grade", -1, interpretation="g2")
    h.subject("two-codings")
    made = h.observe("two-codings", "grade", -1, "g2")
    h.add("observation_value", id=made, patient_id="two-codings", code_system="urn:local", code="zwei")
    for patient, born in {
        "birthday-today": "1960-03-01",
        "birthday-tomorrow": "1960-03-02",
        "born-in-year": "1960",
        "born-in-month": "1960-02",
        "born-leap-day": "1960-02-29",
    }.items():
        h.subject(patient, birth_date=born)
    h.subject("no-birth-date", birth_date=None)
    h.subject("no-gender", gender="unknown")


def _hospital() -> Hospital:
    h = Hospital()
    for fill in (_sessions, _response, _readers, _times, _covariates):
        fill(h)
    return h


HOSPITAL = _hospital()
PATIENTS = {usubjid(KEY, "h", row["id"]): row["id"] for row in HOSPITAL.rows["patient"]}


@pytest.fixture(scope="module")
def derived() -> Derived:
    return HOSPITAL.derive()


@pytest.fixture(scope="module")
def adsl(derived: Derived) -> pd.DataFrame:
    return derived.adsl.assign(patient=derived.adsl["USUBJID"].map(PATIENTS)).set_index("patient")


def time(derived: Derived, patient: str, endpoint: str) -> pd.Series:
    return only(derived.adtte, USUBJID=usubjid(KEY, "h", patient), PARAMCD=endpoint)


def bor(derived: Derived, patient: str) -> str:
    return str(only(derived.adrs, USUBJID=usubjid(KEY, "h", patient), PARAMCD="BOR")["AVALC"])


def test_every_screened_subject_is_analysed_or_has_one_reason(adsl: pd.DataFrame, derived: Derived) -> None:
    assert len(adsl) == len(PATIENTS) == adsl["USUBJID"].nunique()
    assert ((adsl["ANL01FL"] == "Y") == adsl["EXCLRSN"].isna()).all()
    assert len(derived.analysis_table) == (adsl["ANL01FL"] == "Y").sum()


# Several TACE sessions


def test_first_session_is_the_index_and_later_ones_are_exposure(adsl: pd.DataFrame) -> None:
    row = adsl.loc["sessions"]
    assert (row["TRTSDT"].date(), row["N_SESSIONS"], row["TRT01A"]) == (INDEX, 3, "New")
    assert row["SRCREF"] == "Procedure/act-sessions/_history/1"


def test_a_later_switch_is_counted_and_censored_in_its_sensitivity(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["sessions", "ARM_SWITCH"] == "Y"
    assert (adsl["ARM_SWITCH"] == "Y").sum() == 1
    assert counted(derived, "subject with a later session of another arm") == 1
    assert time(derived, "sessions", "PFS")["AVAL"] == 120
    switched = time(derived.variants["censor-switch"], "sessions", "PFS")
    assert (switched["AVAL"], switched["CNSR"], switched["CNSDTDSC"]) == (90, 3, "Censored at arm-switch")


@pytest.mark.parametrize("patient", ["mixed", "mixed-in-two"])
def test_materials_of_both_arms_on_one_day_leave_by_name(patient: str, adsl: pd.DataFrame) -> None:
    assert (adsl.loc[patient, "EXCLRSN"], adsl.loc[patient, "TRT01A"]) == ("mixed-materials", None)


def test_no_known_material_leaves_by_name(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["unknown-material", "EXCLRSN"] == "material-unknown"
    assert adsl.loc["reference-lost", "EXCLRSN"] == "material-unknown"
    assert counted(derived, "used reference without key") == 1


def test_an_earlier_session_within_the_washout_leaves(adsl: pd.DataFrame) -> None:
    assert adsl.loc["washout", "EXCLRSN"] == "washout"
    assert adsl.loc["long-ago", "EXCLRSN"] is None


def test_an_act_that_was_not_done_is_no_session(adsl: pd.DataFrame) -> None:
    assert (adsl.loc["not-done", "EXCLRSN"], adsl.loc["not-done", "N_SESSIONS"]) == (None, 1)


@pytest.mark.parametrize("patient", ["by-name", "by-administration", "by-code"])
def test_the_arm_comes_from_what_was_used(patient: str, adsl: pd.DataFrame) -> None:
    assert adsl.loc[patient, "TRT01A"] == "New"


# Assessments


def test_progression_before_the_index_is_no_event(derived: Derived) -> None:
    row = time(derived, "progressed-before", "PFS")
    assert (row["AVAL"], row["CNSR"]) == (60, 1)
    assert (derived.adtte.loc[derived.adtte["PARAMCD"] == "PFS", "AVAL"] < 0).sum() == 1  # the one dead before


def test_assessments_count_from_day_one_to_the_cutoff(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["assessed-on-index", "EXCLRSN"] == "data"
    assert time(derived, "assessed-after-cutoff", "PFS")["CNSR"] == 1
    assert derived.adrs["ADY"].dropna().between(1, 486).all()


# Best response


@pytest.mark.parametrize(
    ("patient", "level"),
    [
        ("better-after-progression", "PD"),
        ("better-after-death", "SD"),
        ("new-therapy", "SD"),
        ("drug-of-the-act", "PR"),
        ("stable-too-early", "NE"),
        ("stable-just-enough", "SD"),
        ("early-stable-then-progression", "PD"),
        ("progression-on-death", "PD"),
        ("plain-words", "PR"),
        ("not-evaluable", "SD"),
    ],
)
def test_best_response_ends_at_progression_death_or_new_therapy(patient: str, level: str, derived: Derived) -> None:
    assert bor(derived, patient) == level


@pytest.mark.parametrize("patient", ["elsewhere", "preliminary", "in-error", "unmapped", "stranger"])
def test_what_does_not_count_is_no_progression(patient: str, derived: Derived) -> None:
    row = time(derived, patient, "PFS")
    assert (row["AVAL"], row["CNSR"], bor(derived, patient)) == (60, 1, "SD")


def test_what_does_not_count_is_counted(derived: Derived) -> None:
    assert counted(derived, "of no or another body site") == 1
    assert counted(derived, "response: status preliminary") == 1
    assert counted(derived, "response: status entered-in-error") == 1
    assert counted(derived, "value unmapped") == 1
    assert counted(derived, "reader not named by the study") == 1
    assert counted(derived, "display says another level than its code") == 1


# Readers


@pytest.mark.parametrize(
    ("patient", "level", "reader"),
    [("agree", "SD", "r1"), ("settled", "PR", "r3"), ("second-only", "PR", "r2"), ("corrected", "SD", "r1")],
)
def test_the_accepted_reading(patient: str, level: str, reader: str, derived: Derived) -> None:
    key = usubjid(KEY, "h", patient)
    row = only(derived.adrs, USUBJID=key, PARAMCD="OVRLRESP", ACCEPTED="Y")
    assert (row["AVALC"], row["READER"]) == (level, reader)


def test_readers_who_differ_without_adjudicator_give_nothing(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["unsettled", "EXCLRSN"] == "data"
    assert bor(derived, "unsettled") == "NE"
    assert counted(derived, "readers differ and nobody settles it") == 1
    assert counted(derived, "readers differ") == 2


@pytest.mark.parametrize(
    ("patient", "flag", "modality"),
    [
        ("scanned", "Y", "CT"),
        ("scanned-in-series", "Y", "MR"),
        ("scanned-at-the-limit", "Y", "CT"),
        ("scanned-too-far", "N", None),
    ],
)
def test_imaging_within_reach(patient: str, flag: str, modality: str | None, derived: Derived) -> None:
    row = only(derived.adrs, USUBJID=usubjid(KEY, "h", patient), PARAMCD="OVRLRESP")
    assert (row["IMAGING"], row["IMGMOD"]) == (flag, modality)


# PFS censoring


def test_pfs_is_censored_at_the_last_adequate_assessment(derived: Derived) -> None:
    row = time(derived, "contact", "PFS")
    assert (row["AVAL"], row["CNSR"], row["EVNTDESC"], row["CNSDTDSC"]) == (60, 1, "Last assessment", "Last assessment")
    assert (row["SRCDOM"], row["SRCVAR"], row["SRCSEQ"]) == ("ADRS", "ADT", 1)


def test_pfs_without_assessment_is_censored_on_day_zero(derived: Derived) -> None:
    row = time(derived, "assessed-on-index", "PFS")
    assert (row["AVAL"], row["CNSR"], row["EVNTDESC"]) == (0, 2, "No assessment")
    assert (row["SRCDOM"], row["SRCVAR"]) == ("ADSL", "TRTSDT")


def test_death_after_missed_visits_is_an_event(derived: Derived) -> None:
    row = time(derived, "dead-long-after", "PFS")
    assert (row["AVAL"], row["CNSR"], row["EVNTDESC"]) == (400, 0, "Death")


# Same day


def test_progression_goes_before_death_of_the_same_day(derived: Derived) -> None:
    assert time(derived, "progression-on-death", "PFS")["EVNTDESC"] == "Progression"
    assert time(derived, "progression-on-death", "OS")["EVNTDESC"] == "Death"


def test_day_zero_is_kept(derived: Derived) -> None:
    row = time(derived, "dead-on-index", "OS")
    assert (row["AVAL"], row["CNSR"]) == (0, 0)


def test_death_before_the_index_stays_to_be_seen_by_the_check(derived: Derived) -> None:
    assert time(derived, "dead-before", "OS")["AVAL"] == -5


# OS censoring


@pytest.mark.parametrize(
    ("patient", "days", "source"),
    [
        ("contact", 200, "last contact"),
        ("contact-told-late", 210, "last contact"),
        ("vital-alive", 220, "vital status"),
        ("vital-lost", 60, "observation"),
        ("visit", 155, "encounter"),
        ("stay-over-cutoff", 480, "encounter"),
        ("issued-only", 60, "observation"),
        ("measured", 170, "observation"),
        ("dead-after-cutoff", 60, "observation"),
    ],
)
def test_last_alive_without_a_register(
    patient: str, days: int, source: str, adsl: pd.DataFrame, derived: Derived
) -> None:
    row = time(derived, patient, "OS")
    assert (row["AVAL"], row["CNSR"], adsl.loc[patient, "LSTALVSRC"]) == (days, 1, source)


def test_evidence_after_death_is_counted_and_not_used(adsl: pd.DataFrame, derived: Derived) -> None:
    row = adsl.loc["measured-after-death"]
    assert (row["LSTALVDT"].date().isoformat(), row["DTHFL"]) == (day(60), "Y")
    assert counted(derived, "evidence of life after death") >= 1


# Death


@pytest.mark.parametrize(
    ("patient", "date", "flag"),
    [
        ("dead-in-month", "2020-09-15", "D"),
        ("dead-in-year", "2020-07-31", "M"),  # of the part from the index date on
        ("dead-by-observation", day(120), None),
        ("dead-twice", day(100), None),
    ],
)
def test_the_date_of_death(patient: str, date: str, flag: str | None, adsl: pd.DataFrame, derived: Derived) -> None:
    row = adsl.loc[patient]
    assert (row["DTHDT"].date().isoformat(), row["DTHDTF"], row["DTHFL"]) == (date, flag, "Y")
    told = time(derived, patient, "OS")
    assert (told["ADT"], told["ADTF"], told["CNSR"]) == (row["DTHDT"], flag, 0)


def test_dates_of_death_that_differ_are_counted(derived: Derived) -> None:
    assert counted(derived, "the patient's date and an observation's differ") == 1


@pytest.mark.parametrize("patient", ["dead-undated", "vital-dead"])
def test_dead_without_a_date_is_an_event_without_a_time(patient: str, adsl: pd.DataFrame, derived: Derived) -> None:
    row = time(derived, patient, "OS")
    assert (row["CNSR"], row["EVNTDESC"]) == (0, "Death")
    assert math.isnan(row["AVAL"])
    assert pd.isna(row["ADT"])
    assert adsl.loc[patient, "DTHFL"] == "Y"
    assert counted(derived, "dead without a readable date") == 3


def test_a_dated_progression_goes_before_an_undated_death(derived: Derived) -> None:
    row = time(derived, "dead-undated-progressed", "PFS")
    assert (row["AVAL"], row["EVNTDESC"]) == (90, "Progression")


def test_nothing_after_the_cutoff_is_used(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["dead-after-cutoff", "DTHFL"] == "N"
    assert adsl.loc["marked-dead-after-cutoff", "DTHFL"] == "N"
    assert derived.adtte["ADT"].max() <= pd.Timestamp("2021-06-30")
    assert counted(derived, "response: after the data cut-off") == 1


# Missing covariate


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        ("grade-missing", "data"),  # "later": left to the completeness criterion
        ("grade-three", "grade"),
        ("refuted", "disease"),
        ("unconfirmed", "disease"),  # the study asks for confirmed
        ("invaded", "invasion"),
        ("less-invaded-lately", None),
        ("contact", None),  # no measurement of invasion at all: passes
        ("operated-later", "surgery"),
        ("two-reasons", "grade"),  # the first in the order of the flow diagram
        ("no-birth-date", "data"),
        ("no-gender", "data"),
    ],
)
def test_the_first_reason_to_leave(patient: str, reason: str | None, adsl: pd.DataFrame) -> None:
    assert adsl.loc[patient, "EXCLRSN"] == reason


# Criteria after the index


def test_a_dropped_criterion_brings_its_subjects_back(adsl: pd.DataFrame, derived: Derived) -> None:
    every = derived.variants["all"].adsl
    assert set(every.loc[every["EXCLRSN"] == "data", "USUBJID"]) == set()
    back = set(derived.variants["all"].analysis_table["USUBJID"]) - set(derived.analysis_table["USUBJID"])
    assert back == set(adsl.loc[adsl["EXCLRSN"] == "data", "USUBJID"])


def test_surgery_after_the_index_censors_in_its_sensitivity(derived: Derived) -> None:
    made = derived.variants["censor-surgery"]
    row = time(made, "operated-later", "PFS")
    assert (row["AVAL"], row["CNSR"], row["CNSDTDSC"], row["ANL01FL"]) == (45, 3, "Surgery censors", "Y")
    # Surgery before the index is known at the index: it still excludes.
    before = only(made.adsl, USUBJID=usubjid(KEY, "h", "operated-before"))
    assert before["EXCLRSN"] == "surgery"
    assert time(derived, "operated-later", "PFS")["AVAL"] == 60


# Closest before index


@pytest.mark.parametrize(
    ("patient", "level", "distance"),
    [
        ("on-index-day", "2", 0),
        ("later-issued", "2", -2),
        ("higher-id", "2", -2),
        ("outside-window", "1", -3),
        ("error-entered", "1", -3),
        ("integer", "2", -1),
        ("string", "2", -1),
        ("by-interpretation", "2", -1),
        ("two-codings", "2", -1),
        ("grade-three", "3", -1),
    ],
)
def test_closest_before_the_index(patient: str, level: str, distance: int, adsl: pd.DataFrame) -> None:
    assert (adsl.loc[patient, "grade"], adsl.loc[patient, "grade_day"]) == (level, distance)


@pytest.mark.parametrize(
    ("patient", "size", "category"),
    [
        ("largest", 6.1, ">=5"),
        ("in-component", 7.0, ">=5"),
        ("at-the-cut", 5.0, ">=5"),
        ("odd-unit", 4.0, "<5"),
        ("contact", 4.0, "<5"),
    ],
)
def test_largest_in_the_study_s_unit(patient: str, size: float, category: str, adsl: pd.DataFrame) -> None:
    assert (adsl.loc[patient, "size"], adsl.loc[patient, "size_cat"]) == (size, category)


def test_values_that_cannot_be_used_are_counted(derived: Derived) -> None:
    assert counted(derived, "size: without a usable value") == 1
    assert counted(derived, "observation: in no list of the study") == 4


# Age, before any date is generalised


@pytest.mark.parametrize(
    ("patient", "age", "category"),
    [
        ("birthday-today", 60, ">=60"),
        ("birthday-tomorrow", 59, "<60"),
        ("born-in-year", 59, "<60"),
        ("born-in-month", 60, ">=60"),
        ("born-leap-day", 60, ">=60"),
    ],
)
def test_age_in_whole_years_at_the_index(patient: str, age: int, category: str, adsl: pd.DataFrame) -> None:
    assert (adsl.loc[patient, "age"], adsl.loc[patient, "age_cat"]) == (age, category)


def test_partial_birth_dates_are_counted(derived: Derived) -> None:
    assert counted(derived, "age: partial birth date, its middle is used") == 2


# ADTTE


def test_every_row_of_adtte_explains_itself(derived: Derived) -> None:
    t = derived.adtte
    assert t["EVNTDESC"].notna().all()
    assert (t["CNSDTDSC"].notna() == (t["CNSR"] > 0)).all()
    assert t.loc[t["ADT"].notna(), "SRCREF"].notna().all()
    assert set(t["AVALU"]) == {"DAYS"}
    assert set(t["PARAM"]) == {"Progression-free survival", "Overall survival"}


def test_order_of_arrival_never_decides(derived: Derived) -> None:
    turned = _hospital()
    turned.rows = {view: rows[::-1] for view, rows in turned.rows.items()}
    again = turned.derive(h=SiteRules())
    for name in ("adsl", "adrs", "adtte", "analysis_table", "counts"):
        pd.testing.assert_frame_equal(getattr(derived, name), getattr(again, name))

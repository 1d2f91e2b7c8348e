"""The extraction plan. Oracles: FHIR R4's search rules, and the sandbox's own search on the sample study's data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.arrival import Arrival, days, patient_of, reference_key, references_in, wanted
from analysis.plan import URL_LENGTH, Plan, Search, describe, plan, requests, search_tokens
from analysis.study.load import LoadedStudy, load_study
from analysis.study.model import Study
from flows.sample import write_sample
from flows.sandbox.search import find, parse
from flows.sandbox.store import Store
from mappings.codelists import parse_value_set
from tests.unit.study.folders import example, li2023


def loaded(text: str, files: dict[str, str]) -> tuple[LoadedStudy, Study]:
    made = load_study(text, "study.toml", files)
    assert isinstance(made.study, Study)
    return made, made.study


def plan_of(text: str, files: dict[str, str]) -> Plan:
    made, study = loaded(text, files)
    return plan(study, made.codes, made.tokens)


def rows(made: Plan) -> list[tuple[str, str, str, str]]:
    return [(s.phase, s.type, urlencode(s.parameters, safe=":/|,."), s.by) for s in made.searches]


def test_the_plan_of_the_example() -> None:
    """The dates are a day wider than the study's at each end; the pattern of `angina` is looked at on arrival."""
    assert rows(plan_of(*example())) == [
        (
            "index",
            "Procedure",
            "code=https://hospital.example/procedures|STENT&date=ge2019-12-31&date=le2023-01-01",
            "",
        ),
        ("cohort", "Patient", "", "_id"),
        ("cohort", "Condition", "", "patient"),
        ("cohort", "Encounter", "date=ge2019-12-31&date=le2024-01-01", "patient"),
        ("cohort", "Observation", "", "patient"),
        ("cohort", "Procedure", "", "patient"),
        ("referenced", "Device", "", "_id"),
    ]


def test_codes_are_sent_where_no_need_of_the_type_is_wider() -> None:
    text, files = example()
    text = text.replace("[analysis]", '[alive]\ntables = ["encounter"]\n\n[analysis]')
    on_arrival = plan_of(text, files)
    text += '\n[extract]\ncodes = "sent"\n'
    made = {s.type: s for s in plan_of(text, files).phase("cohort")}
    system = "https://hospital.example/observations"
    assert made["Observation"].parameters == (("code", f"{system}|AGE-GROUP,{system}|SMOKING"),)
    assert made["Procedure"].parameters == (("code", "https://hospital.example/procedures|STENT"),)
    assert made["Condition"].parameters == ()
    assert "pattern" in made["Condition"].why
    for search in on_arrival.phase("cohort"):
        assert all(name != "code" for name, _ in search.parameters)
        assert search.arrival.lists == made[search.type].arrival.lists
    assert any(name == "code" for name, _ in on_arrival.phase("index")[0].parameters)


def test_a_pattern_in_the_index_list_asks_for_its_system_and_says_so() -> None:
    made = plan_of(*li2023())
    (index,) = made.phase("index")
    codes = dict(index.parameters)["code"].split(",")
    assert "http://snomed.info/sct|441525007" in codes
    assert "http://fhir.de/CodeSystem/bfarm/ops|" in codes
    assert any("write the codes out" in note for note in made.notes)


def test_systems_are_sent_as_the_value_set_writes_them_and_separators_are_escaped() -> None:
    value_set = {
        "resourceType": "ValueSet",
        "compose": {
            "include": [
                {"system": "https://loinc.org/", "concept": [{"code": "89247-1"}]},
                {"system": "urn:x", "concept": [{"code": "a,b|c$d"}]},
                {"concept": [{"code": "LOCAL"}]},
                {"system": "urn:p", "filter": [{"property": "code", "op": "regex", "value": "A.*"}]},
                {"system": "urn:bedside:text", "concept": [{"code": "words"}]},
            ]
        },
    }
    assert search_tokens(value_set) == ("https://loinc.org/|89247-1", "urn:x|a\\,b\\|c\\$d", "|LOCAL", "urn:p|")


def test_population_asks_for_whole_types() -> None:
    text, files = example()
    made, study = loaded(text, files)
    whole = plan(study, made.codes, made.tokens, scope="population")
    assert whole.types == ("Condition", "Device", "Encounter", "Observation", "Patient", "Procedure")
    assert {(s.phase, s.parameters, s.by) for s in whole.searches} == {("population", (), "")}
    assert wanted({"resourceType": "Condition"}, whole.searches) is None


ids = st.text("abcXYZ0189-.", min_size=1, max_size=64)


@settings(max_examples=60, deadline=None)
@given(st.lists(ids, max_size=200), st.lists(st.from_regex(r"[A-Z0-9.,|]{3,12}", fullmatch=True), max_size=150))
def test_every_address_is_short_and_every_patient_and_code_is_asked_for(keys: list[str], codes: list[str]) -> None:
    text, files = example()
    text = text.replace("[analysis]", '[alive]\ntables = ["encounter"]\n\n[analysis]') + '\n[extract]\ncodes = "sent"\n'
    concept = [{"code": code} for code in [*codes, "SMOKING"]]
    include = [{"system": "https://hospital.example/observations", "concept": concept}]
    files["codes/smoking.json"] = json.dumps({"resourceType": "ValueSet", "compose": {"include": include}})
    made = plan_of(text, files)
    asked: set[tuple[str, str]] = set()
    for search in made.phase("cohort"):
        for pairs in requests(search, keys):
            address = "https://fhir.hospital.example/a/long/path/to/r4/MedicationAdministration?_count=1000&"
            assert len(address + urlencode(pairs, quote_via=quote, safe="")) < URL_LENGTH
            if search.type == "Observation":
                values = dict(pairs)
                sent = values["code"].replace("\\,", "\0").split(",")
                asked |= {
                    (patient, code.replace("\0", "\\,")) for patient in values["patient"].split(",") for code in sent
                }
    tokens = {
        *search_tokens(json.loads(files["codes/smoking.json"])),
        "https://hospital.example/observations|AGE-GROUP",
    }
    assert asked == {(key, token) for key in keys for token in tokens}


def test_nobody_is_asked_for_when_nobody_was_found() -> None:
    made = plan_of(*example())
    assert [list(requests(search, ())) for search in made.phase("cohort")] == [[] for _ in made.phase("cohort")]


def test_the_hash_is_stable_and_follows_what_is_asked_for() -> None:
    text, files = example()
    first = plan_of(text, files).sha256
    assert plan_of(text, files).sha256 == first
    assert plan_of(text.replace('title = "Coated', 'title = "The coated'), files).sha256 == first
    for right, wrong in (
        ("2020-01-01, 2022", "2020-01-02, 2022"),
        ("data_cutoff = 2023-12-31", "data_cutoff = 2023-12-30"),
    ):
        assert plan_of(text.replace(right, wrong), files).sha256 != first
    other = {**files, "codes/angina.json": files["codes/angina.json"].replace("I20", "I21")}
    assert plan_of(text, other).sha256 != first


def test_what_the_plan_prints_has_a_reason_for_each_search() -> None:
    printed = describe(plan_of(*li2023()))
    assert all(row["why"] for row in printed)
    assert {row["ids"] for row in printed if row["phase"] == "cohort"} == {
        "_id = the cohort, in chunks",
        "patient = the cohort, in chunks",
    }


# Resources against the searches that ask for them.

ANGINA = parse_value_set(
    "angina",
    {
        "resourceType": "ValueSet",
        "compose": {"include": [{"system": "http://hl7.org/fhir/sid/icd-10", "concept": [{"code": "I20.0"}]}]},
    },
)


def condition(patient: str, system: str, code: str) -> dict[str, Any]:
    coding = [{"system": system, "code": code}]
    return {"resourceType": "Condition", "subject": {"reference": patient}, "code": {"coding": coding}}


ASKED = Search("cohort", "Condition", (), "patient", Arrival("Condition", "patient", (ANGINA,)), "")


@pytest.mark.parametrize(
    ("patient", "system", "code", "reason"),
    [
        ("Patient/p1", "http://hl7.org/fhir/sid/icd-10", "I20.0", None),
        ("Patient/p1/_history/3", "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "I200", None),
        ("https://fhir.example/r4/Patient/p1", "http://hl7.org/fhir/sid/icd-10", "I20.0", None),
        ("Patient/p1", "http://hl7.org/fhir/sid/icd-10", "I21.0", "outside-filter"),
        ("Patient/p2", "http://hl7.org/fhir/sid/icd-10", "I20.0", "outside-cohort"),
        ("Group/p1", "http://hl7.org/fhir/sid/icd-10", "I20.0", "outside-cohort"),
        ("#p1", "http://hl7.org/fhir/sid/icd-10", "I20.0", "outside-cohort"),
    ],
)
def test_reasons_on_arrival(patient: str, system: str, code: str, reason: str | None) -> None:
    assert wanted(condition(patient, system, code), ASKED, {"p1"}) == reason


def test_a_resource_is_wanted_if_any_search_wants_it_else_the_furthest_reason_is_given() -> None:
    other = replace(ASKED, arrival=Arrival("Condition", "patient", ()))
    resource = condition("Patient/p1", "http://hl7.org/fhir/sid/icd-10", "I20.0")
    assert wanted(resource, (other, ASKED), {"p1"}) is None
    assert wanted(resource, (other,), {"p1"}) == "outside-filter"
    assert wanted({**resource, "resourceType": "Claim"}, (other, ASKED), {"p1"}) == "outside-filter"


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2020", date(2020, 1, 1), date(2020, 12, 31)),
        ("2020-02", date(2020, 2, 1), date(2020, 2, 29)),
        ("2020-02-03", date(2020, 2, 3), date(2020, 2, 3)),
        ("2020-02-03T23:59:59+14:00", date(2020, 2, 3), date(2020, 2, 3)),
        ("2020/01/20 16:53:41.160 -0500", date(2020, 1, 20), date(2020, 1, 20)),
    ],
)
def test_days_a_date_text_may_mean(text: str, low: date, high: date) -> None:
    assert days(text) == (low, high)


@pytest.mark.parametrize("text", ["", "soon", "2020-13", "2020-02-31", None, 2020])
def test_what_is_no_date_has_no_days(text: object) -> None:
    assert days(text) is None


@pytest.mark.parametrize(
    ("period", "inside"),
    [
        ({"start": "2020-06-01", "end": "2020-06-02"}, True),
        ({"start": "2019-01-01", "end": "2019-12-31"}, False),
        ({"start": "2019-01-01"}, True),
        ({"end": "2020-01-01"}, True),
        ({"start": "2021-01-02"}, False),
        ({"start": "2021"}, True),
        ({}, False),
    ],
)
def test_periods_overlap_a_window_as_in_a_search(period: dict[str, str], inside: bool) -> None:
    asked = replace(ASKED, type="Encounter", arrival=Arrival("Encounter", low=date(2020, 1, 1), high=date(2021, 1, 1)))
    assert (wanted({"resourceType": "Encounter", "period": period}, asked) is None) == inside


def test_references_that_are_followed() -> None:
    procedure = {
        "resourceType": "Procedure",
        "subject": {"reference": "Patient/p1"},
        "usedReference": [{"reference": "Device/d1"}, {"reference": "Substance/s1/_history/2"}, {"reference": "#in"}],
        "focalDevice": [{"manipulated": {"reference": "https://fhir.example/r4/Device/d2"}}],
        "partOf": [{"reference": "Procedure/x"}],
    }
    assert sorted(references_in(procedure)) == [("Device", "d1"), ("Device", "d2"), ("Substance", "s1")]
    given = {"resourceType": "MedicationAdministration", "medicationReference": {"reference": "Medication/m1"}}
    assert list(references_in(given)) == [("Medication", "m1")]
    assert patient_of({"resourceType": "Patient", "id": "p9"}) == "p9"
    for reference in (
        {"reference": "urn:uuid:1"},
        {"identifier": {"value": "1"}},
        {"reference": "Patient?x=1"},
        None,
        "Patient/1",
    ):
        assert reference_key(reference) is None


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample("li2023", folder)
    return folder


def resources(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    path = folder / f"{kind}.ndjson"
    if path.is_file():
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines)


@pytest.mark.parametrize("changed", ["", '\n[alive]\ntables = ["encounter"]\n'])
def test_a_folder_keeps_what_the_sandbox_serves(sample: Path, changed: str) -> None:
    """The predicate and the search must choose alike, phase by phase; patterns are the predicate's alone."""
    text, files = li2023()
    if changed:
        text = text.replace('tables = ["encounter", "procedure", "observation"]', 'tables = ["encounter"]')
    made = plan_of(text, files)
    patients: set[str] = set()
    referred: dict[str, set[str]] = {}
    compared = 0
    with Store(sample) as store:
        for search in made.searches:
            keys = patients if search.phase == "cohort" else referred.get(search.type, set())
            here = {r["id"]: r for r in resources(sample, search.type) if wanted(r, search, keys) is None}
            served: set[str] = set()
            for pairs in requests(search, keys):
                table = store.table(search.type)
                found = [json.loads(table.text(int(row))) for row in find(table, parse(table, pairs, strict=True))]
                served |= {r["id"] for r in found if wanted(r, search, keys) is None}
                sent = dict(pairs).get("code", "")
                if sent and not sent.endswith("|") and search.phase == "cohort":
                    assert {r["id"] for r in found} <= set(here)
            assert served == set(here), search
            compared += len(here)
            if search.phase == "index":
                patients |= {key for r in here.values() if (key := patient_of(r))}
            for resource in here.values():
                for kind, key in references_in(resource):
                    referred.setdefault(kind, set()).add(key)
    assert len(patients) >= 29  # the screened of the study; the sample has no fewer
    assert compared > 500

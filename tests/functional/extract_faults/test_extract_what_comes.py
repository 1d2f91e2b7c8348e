"""What extraction makes of what comes: cohort, duplicates, totals, what was not asked for.

Oracle: issue 3, "What bad input gets", and fhir.md section 3; the hospital's own list of resources says what
should have come.
"""

from __future__ import annotations

import json
from pathlib import Path

from flows.landing.manifest import read_manifest
from tests.fixtures.hospital_faults import counts, page_of, with_fault
from tests.unit.client.hospital import COHORT_COUNTS, PATIENT_CANARY, Hospital, assert_balanced, extract, landed
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer, bundle


def test_cohort_first_and_only_the_cohort(server: ScriptedServer, folder: Path) -> None:
    manifest = extract(server, folder)
    assert manifest.complete
    assert manifest.patients == 2
    assert counts(folder) == COHORT_COUNTS
    assert {o["id"] for o in landed(folder)["Observation"]} == {"o0", "o1", "o2", "o3", "o4"}
    assert_balanced(manifest, folder)
    observation = manifest.types["Observation"]
    assert (observation.server_total, observation.total_exact, observation.distinct) == (5, True, 5)
    assert (observation.searches, observation.pages) == (1, 3)
    assert read_manifest(folder) == manifest


def test_empty_cohort_asks_for_nothing_more(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server)
    hospital.all = [r for r in hospital.all if r["resourceType"] != "Procedure"]
    server.answer = hospital
    manifest = extract(server, folder)
    assert (manifest.complete, manifest.patients, manifest.files) == (True, 0, ())
    assert [each.path for each in server.asked] == ["/fhir/metadata", "/fhir/Procedure"]


def test_index_event_without_a_usable_patient_is_counted(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server)
    next(r for r in hospital.all if r["id"] == "act-p2")["subject"] = {"identifier": {"value": "9"}}
    server.answer = hospital
    manifest = extract(server, folder)
    assert (manifest.patients, list(manifest.warnings)) == (1, [{"code": "index-without-patient", "n": 1}])


def test_duplicate_across_pages_is_one_resource_and_counted(server: ScriptedServer, folder: Path) -> None:
    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if not page_of(asked, "Observation", hospital, 2):
            return ok
        said = json.loads(ok.body)
        said["entry"].append(
            {"resource": next(r for r in hospital.all if r["id"] == "o0"), "search": {"mode": "match"}}
        )
        return Answer(body=json.dumps(said).encode())

    with_fault(server, fault)
    manifest = extract(server, folder)
    observation = manifest.types["Observation"]
    assert manifest.complete
    assert (observation.received, observation.landed, observation.duplicates, observation.distinct) == (6, 5, 1, 5)


def test_another_version_is_no_duplicate(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server)
    hospital.all.append({**next(r for r in hospital.all if r["id"] == "o0"), "meta": {"versionId": "2"}})
    server.answer = hospital
    manifest = extract(server, folder)
    assert (manifest.types["Observation"].landed, manifest.types["Observation"].duplicates) == (6, 0)


def test_fewer_than_an_exact_total_is_incomplete(server: ScriptedServer, folder: Path) -> None:
    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if not page_of(asked, "Observation", hospital, 1):
            return ok
        said = json.loads(ok.body)
        del said["entry"][0]
        return Answer(body=json.dumps(said).encode())

    with_fault(server, fault)
    manifest = extract(server, folder)
    assert [(m.type, m.reason) for m in manifest.missing] == [("Observation", "fewer-than-total")]
    assert manifest.missing[0].what.startswith("1 of 5 of search ")


def test_parameter_not_applied_is_filtered_on_arrival_and_said(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server, size=100)

    def fault(asked: Asked, ok: Answer) -> Answer:
        if not asked.path.startswith("/fhir/Observation"):
            return ok
        everything = [r for r in hospital.all if r["resourceType"] == "Observation"]
        return bundle(everything, self_link=f"{server.base}/Observation?_total=accurate", total=len(everything))

    hospital.override = fault
    server.answer = hospital
    manifest = extract(server, folder)
    assert {o["id"] for o in landed(folder)["Observation"]} == {"o0", "o1", "o2", "o3", "o4"}
    assert manifest.types["Observation"].not_asked == {"outside-cohort": 2}
    (warning,) = manifest.warnings
    assert (warning["code"], warning["parameters"]) == ("parameter-not-applied", ["patient"])
    assert_balanced(manifest, folder)


def test_search_mode_decides_include_outcome_and_match(server: ScriptedServer, folder: Path) -> None:
    extra = [
        {"resource": {"resourceType": "Encounter", "id": "e1"}, "search": {"mode": "include"}},
        {
            "resource": {
                "resourceType": "OperationOutcome",
                "issue": [{"severity": "warning", "code": "processing", "diagnostics": f"about {PATIENT_CANARY}"}],
            },
            "search": {"mode": "outcome"},
        },
        {"fullUrl": "urn:x"},
        {"resource": {"resourceType": "Basic", "id": "b1"}, "search": {"mode": "match"}},
    ]

    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if not page_of(asked, "Observation", hospital, 1):
            return ok
        said = json.loads(ok.body)
        said["entry"] += extra
        return Answer(body=json.dumps(said).encode())

    with_fault(server, fault)
    manifest = extract(server, folder)
    assert manifest.complete
    assert counts(folder) == COHORT_COUNTS
    assert manifest.types["Encounter"].not_asked == {"include": 1}
    assert manifest.types["Basic"].not_asked == {"other-type": 1}
    assert manifest.types["Observation"].not_asked == {"empty-entry": 1}
    assert manifest.types["Observation"].outcomes == 1
    assert [(o["severity"], o["code"]) for o in manifest.outcomes] == [("warning", "processing")]
    assert_balanced(manifest, folder)


def test_referenced_resource_that_is_not_there_is_a_warning(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server)
    hospital.all = [r for r in hospital.all if r["id"] != "d1"]
    server.answer = hospital
    manifest = extract(server, folder)
    assert manifest.complete
    assert list(manifest.warnings) == [{"code": "not-found-by-id", "type": "Device", "n": 1}]

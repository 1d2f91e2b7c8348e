"""Servers that cannot be asked for changes, or answer otherwise than asked. Oracle: a fresh extract of everything, and
fhir.md's rule that what is refetched is said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.landing.incremental import Incremental, extract_since
from flows.sites import Site
from tests.fixtures.faulty_server import Answer
from tests.functional.incremental.conftest import Ward, lines
from tests.functional.incremental.test_incremental_rules import DAY, applied, warned

Wards = Callable[..., Ward]
TYPES = ("Device", "Encounter", "Patient", "Procedure")


def edited(ward: Ward) -> None:
    """A day later one Encounter is edited, one is new and one is gone."""
    ward.server.clock.advance(DAY)
    ward.put("Encounter", "seen-p1", patient="p1", status="finished")
    ward.put("Encounter", "new", patient="p1")
    ward.server.delete("Encounter", "seen-p2")


CHANGES = {"added": 1, "changed": 1, "deleted": 1}


def without_search_parameter(path: str, answer: Answer) -> Answer:
    """Epic: the CapabilityStatement has no ``_lastUpdated``."""
    if not path.startswith("/fhir/metadata"):
        return answer
    said = json.loads(answer.body)
    for resource in said["rest"][0]["resource"]:
        resource["searchParam"] = [p for p in resource["searchParam"] if p["name"] != "_lastUpdated"]
    return replace(answer, body=json.dumps(said).encode())


def without_statement(path: str, answer: Answer) -> Answer:
    return Answer(404, b"{}") if path.startswith("/fhir/metadata") else answer


@pytest.mark.parametrize("fault", [without_search_parameter, without_statement])
def test_a_server_that_offers_no_last_updated_is_refetched_and_said_so(wards: Wards, fault: Any) -> None:
    ward = wards(fault=fault)
    ward.screen("p1", "p2")
    ward.since()
    edited(ward)
    manifest = ward.since()
    assert warned(manifest, "refetched") == [{"type": type_, "reason": "not-supported"} for type_ in TYPES]
    assert applied(manifest) == {"Encounter": CHANGES}
    assert ward.landed() == ward.whole()


def test_a_parameter_that_the_self_link_lacks_was_not_applied_and_is_said(wards: Wards) -> None:
    """The server does not hear ``_lastUpdated``: everything comes."""
    ward = wards(wrap=deaf)
    ward.screen("p1", "p2")
    ward.since()
    edited(ward)
    manifest = ward.since()
    assert warned(manifest, "refetched") == [{"type": type_, "reason": "parameter-not-applied"} for type_ in TYPES]
    assert applied(manifest) == {"Encounter": CHANGES}
    assert ward.landed() == ward.whole()


def deaf(app: Any) -> Any:
    async def asked(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "query_string": re.sub(rb"&?_lastUpdated=[^&]*", b"", scope["query_string"])}
        await app(scope, receive, send)

    return asked


@pytest.mark.parametrize("refused", ["_elements=", "_history"])
def test_a_server_that_refuses_what_finds_deletions_is_asked_otherwise(wards: Wards, refused: str) -> None:
    def refusing(path: str, answer: Answer) -> Answer:
        return Answer(400, b"{}") if refused in path else answer

    ward = wards(fault=refusing, deletions="history" if refused == "_history" else "id-lists")
    ward.screen("p1", "p2")
    ward.since()
    edited(ward)
    assert applied(ward.since()) == {"Encounter": CHANGES}
    assert ward.landed() == ward.whole()


def significant_only(path: str, answer: Answer) -> Answer:
    """Cerner: an edit may change neither version nor time, and a search by time does not find it."""
    if not path.startswith("/fhir/Encounter") or answer.status != 200:
        return answer
    said = json.loads(answer.body)
    for entry in said.get("entry", ()):
        entry["resource"]["meta"] = {"versionId": "1", "lastUpdated": "2024-01-01T12:00:00.000Z"}
    if "_lastUpdated" in path:
        said |= {"entry": [], "total": 0}
    return replace(answer, body=json.dumps(said).encode())


@pytest.mark.parametrize("refetched", [True, False])
def test_edits_that_count_for_nothing_are_found_where_the_type_is_refetched(wards: Wards, refetched: bool) -> None:
    ward = wards(fault=significant_only, refetch=["Encounter"] if refetched else [])
    ward.screen("p1", "p2")
    ward.since()
    ward.server.clock.advance(DAY)
    ward.put("Encounter", "seen-p1", patient="p1", status="finished")
    manifest = ward.since()
    assert warned(manifest, "refetched") == ([{"type": "Encounter", "reason": "setting"}] if refetched else [])
    # Without the setting nobody could know of them: that is what it is for.
    assert (ward.landed() == ward.whole()) == refetched


def test_resources_without_a_time_are_refetched(ward: Ward) -> None:
    """``meta.lastUpdated`` is optional: what does not say it is not found by it."""
    ward.screen("p1")
    table = ward.server.history.store.written_table("Encounter")
    text = {"resourceType": "Encounter", "id": "timeless", "subject": {"reference": "Patient/p1"}}
    table.put("timeless", json.dumps(text).encode())
    ward.since()
    assert ward.state.refetch == {"Encounter": "no-last-updated"}
    table.put("timeless", json.dumps({**text, "status": "finished"}).encode())
    manifest = ward.since()
    assert warned(manifest, "refetched") == [{"type": "Encounter", "reason": "no-last-updated"}]
    assert applied(manifest) == {"Encounter": {"changed": 1}}
    assert ward.landed() == ward.whole()


def test_an_edit_that_keeps_its_time_is_found_by_its_version(ward: Ward) -> None:
    ward.screen("p1")
    ward.since()
    ward.server.clock.advance(-30 * DAY)
    ward.put("Encounter", "seen-p1", patient="p1", status="finished")
    ward.put("Encounter", "late", patient="p1")
    ward.server.clock.advance(30 * DAY)
    assert applied(ward.since()) == {"Encounter": {"added": 1, "changed": 1}}
    assert ward.landed() == ward.whole()


def test_an_address_that_changed_is_asked_for_everything(ward: Ward) -> None:
    """Another server has another clock and perhaps another history: its watermarks are none."""
    ward.screen("p1")
    ward.since()
    manifest = ward.since(named="elsewhere")
    assert warned(manifest, "refetched") == [{"type": t, "reason": "another-address"} for t in sorted(COHORT_TYPES)]
    assert ward.since(named="elsewhere").warnings == ()


COHORT_TYPES = (*TYPES, "Condition", "Medication", "MedicationAdministration", "Observation")


class Failing:
    """Answers 404 to whatever holds ``word``, while it is set."""

    word = ""

    def __call__(self, path: str, answer: Answer) -> Answer:
        return Answer(404, b"{}") if self.word and self.word in path else answer


@pytest.mark.parametrize("word", ["/Encounter?patient", "_elements=id"], ids=["a search", "a list of ids"])
def test_an_incomplete_extract_publishes_nothing_and_keeps_the_watermark(wards: Wards, word: str) -> None:
    failing = Failing()
    ward = wards(fault=failing)
    ward.screen("p1", "p2")
    ward.since()
    before, landed = ward.state, ward.landed()
    edited(ward)
    failing.word = word
    manifest = ward.since()
    assert not manifest.complete
    assert {missing.type for missing in manifest.missing} >= {"Encounter"}
    assert (ward.state, ward.landed()) == (before, landed)
    failing.word = ""
    assert applied(ward.since()) == {"Encounter": CHANGES}
    assert ward.landed() == ward.whole()


def test_a_first_extract_that_is_incomplete_lands_what_came(wards: Wards) -> None:
    failing = Failing()
    failing.word = "/Encounter?patient"
    ward = wards(fault=failing)
    ward.screen("p1")
    manifest = ward.since()
    assert (manifest.method, manifest.complete) == ("search", False)
    assert ward.store.read() is None
    assert ward.ids("Procedure") == ["act-p1"]
    failing.word = ""
    assert ward.since().complete
    assert ward.landed() == ward.whole()


def test_a_folder_is_read_whole_each_time(ward: Ward, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    ward.screen("p1", "p2")
    site = Site(id="north", folder=str(source))

    def extract() -> Any:
        for type_, texts in ward.whole().items():
            (source / f"{type_}.ndjson").write_bytes(b"".join(text + b"\n" for text in texts))
        return extract_since(Incremental(site, ward.plan, ward.store, "auto", str(source)), ward.folder / "landing")

    first = extract()
    assert (first.method, first.patients, warned(first, "refetched")) == ("incremental", 2, [])
    edited(ward)
    ward.put("Procedure", "act-p2", patient="p2", code="other")
    second = extract()
    assert {each["reason"] for each in warned(second, "refetched")} == {"folder"}
    assert applied(second)["Encounter"] == {"added": 1, "changed": 1, "left": 1}
    assert second.patients == 1
    assert ward.landed() == lines(ward.folder / "whole")


def test_who_is_new_in_a_list_of_patients_comes_whole_and_who_is_struck_out_leaves(ward: Ward, tmp_path: Path) -> None:
    listed = tmp_path / "patients.txt"
    ward.more = {"search": {"cohort": str(listed), "ids_per_request": 1}}
    ward.screen("p1", "p2", "p3")
    listed.write_text("p1\np2\n")
    ward.since()
    assert ward.ids("Encounter") == ["seen-p1", "seen-p2"]
    ward.server.clock.advance(DAY)
    listed.write_text("p2\np3\n")
    manifest = ward.since()
    one_each = {"added": 1, "left": 1}
    assert applied(manifest) == {
        "Device": {"added": 1, "unreferenced": 1},
        **dict.fromkeys(("Encounter", "Patient", "Procedure"), one_each),
    }
    assert ward.landed() == ward.whole()
    ward.settings = {"deletions_every": 9}
    listed.write_text("p3\n")
    assert applied(ward.since())["Encounter"] == {"left": 1}
    assert ward.landed() == ward.whole()


def test_what_would_come_along_is_asked_for_by_itself(ward: Ward) -> None:
    """A list of ids does not say what came along with others: includes are left out, and nothing is lost."""
    ward.more = {"search": {"include": ["MedicationAdministration:medication"]}}
    ward.screen("p1")
    ward.put("Medication", "m1")
    ward.put("MedicationAdministration", "given", patient="p1", medicationReference={"reference": "Medication/m1"})
    ward.since()
    assert ward.landed() == ward.whole()
    ward.server.clock.advance(DAY)
    ward.put("Medication", "m2")
    ward.put("MedicationAdministration", "given", patient="p1", medicationReference={"reference": "Medication/m2"})
    manifest = ward.since()
    assert applied(manifest)["Medication"] == {"added": 1, "unreferenced": 1}
    assert ward.landed() == ward.whole()

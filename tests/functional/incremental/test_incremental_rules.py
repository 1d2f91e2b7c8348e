"""What an incremental extract asks for, applies and says. Oracle: docs/incremental.md, and a fresh extract."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flows.landing.instants import read_instant, write_instant
from flows.landing.manifest import Manifest
from flows.run_folder import held
from mappings.errors import DefinitionError, UnusableDataError
from tests.fixtures.changing_hospital import BEGAN, COHORT, OVERLAP_S, POPULATION
from tests.functional.incremental.conftest import Ward

Wards = Callable[..., Ward]
DAY = 86_400


def applied(manifest: Manifest) -> dict[str, dict[str, int]]:
    """What happened by type, without what did not."""
    assert manifest.incremental is not None
    (last,) = manifest.incremental["applied"]
    happened = {
        type_: {name: n for name, n in counts.items() if n and name not in ("before", "now")}
        for type_, counts in last["types"].items()
    }
    return {type_: counts for type_, counts in happened.items() if counts}


def warned(manifest: Manifest, code: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in each.items() if k != "code"} for each in manifest.warnings if each["code"] == code]


def test_first_extract_is_whole_and_the_next_asks_for_changes(ward: Ward) -> None:
    ward.screen("p1", "p2")
    first = ward.since()
    assert (first.method, first.complete, first.patients) == ("incremental", True, 2)
    assert applied(first) == {type_: {"added": 2} for type_ in ("Device", "Encounter", "Patient", "Procedure")}
    assert not warned(first, "refetched")
    files = {path.name: path.stat().st_ino for path in (ward.folder / "landing").glob("[A-Z]*.ndjson")}
    ward.server.clock.advance(DAY)
    second = ward.since()
    assert applied(second) == {}
    assert second.incremental is not None
    assert set(second.incremental["applied"][0]["since"]) == {"Device", "Encounter", "Patient", "Procedure"}
    # Nothing changed: the files of the snapshot are the same files.
    assert {path.name: path.stat().st_ino for path in (ward.folder / "landing").glob("[A-Z]*.ndjson")} == files
    assert all(count.balanced and count.landed == count.received for count in second.types.values())


def test_watermark_is_the_newest_seen_less_the_overlap_where_that_is_earliest(wards: Wards) -> None:
    ward = wards(overlap_s=200)
    ward.screen("p1")
    ward.server.clock.advance(50)
    ward.put("Encounter", "later", patient="p1")
    ward.since()
    began = BEGAN.timestamp()
    marks = {type_: mark.timestamp() for type_, text in ward.state.watermarks.items() if (mark := read_instant(text))}
    assert marks == {"Device": began - 200, "Encounter": began - 150, "Patient": began - 200, "Procedure": began - 200}


def test_watermark_is_no_later_than_kickoff_where_a_server_is_ahead(wards: Wards) -> None:
    ward = wards()
    ward.server.clock.set(BEGAN.replace(year=2099))
    ward.screen("p1")
    ward.since(now=lambda: BEGAN)
    assert set(ward.state.watermarks.values()) == {write_instant(BEGAN - timedelta(seconds=OVERLAP_S))}


def test_a_patient_new_in_the_cohort_is_fetched_whole(ward: Ward) -> None:
    ward.screen("p1")
    ward.put("Patient", "p2")
    ward.put("Encounter", "old", patient="p2")
    ward.since()
    assert ward.ids("Encounter") == ["seen-p1"]
    ward.server.clock.advance(30 * DAY)
    ward.put("Procedure", "act-p2", patient="p2", code="act", performedDateTime="2021-05-05")
    manifest = ward.since()
    assert ward.ids("Encounter") == ["old", "seen-p1"]
    assert applied(manifest) == {t: {"added": 1} for t in ("Encounter", "Patient", "Procedure")}
    assert ward.landed() == ward.whole()


@pytest.mark.parametrize("how", ["deleted", "edited to another code", "edited to another patient", "out of the dates"])
def test_a_patient_who_left_the_cohort_leaves_with_all_resources(ward: Ward, how: str) -> None:
    ward.screen("p1", "p2")
    ward.since()
    ward.server.clock.advance(DAY)
    code, patient, day = "act", "p2", "2021-05-05"
    if how == "deleted":
        ward.server.delete("Procedure", "act-p2")
    else:
        code = "other" if how.endswith("code") else code
        patient = "p1" if how.endswith("patient") else patient
        day = "2010-01-01" if how.endswith("dates") else day
        ward.put("Procedure", "act-p2", patient=patient, code=code, performedDateTime=day)
    manifest = ward.since()
    moved = {"Procedure": {"changed": 1}} if how.endswith("patient") else {"Procedure": {"left": 1}}
    assert applied(manifest) == {
        "Device": {"unreferenced": 1},
        "Encounter": {"left": 1},
        "Patient": {"left": 1},
        **moved,
    }
    assert manifest.patients == 1
    assert ward.landed() == ward.whole()
    gone = (ward.store.deltas / ward.state.snapshot / "gone.ndjson").read_text().splitlines()
    assert {"type": "Encounter", "id": "seen-p2", "reason": "left"} in [json.loads(line) for line in gone]


def test_a_deletion_is_found_by_lists_of_ids_every_nth_time(wards: Wards) -> None:
    ward = wards(deletions_every=3)
    ward.screen("p1")
    ward.since()
    ward.server.delete("Encounter", "seen-p1")
    said = []
    for _ in range(3):
        manifest = ward.since()
        assert manifest.incremental is not None
        said.append((manifest.incremental["applied"][0]["deletions"]["Encounter"], ward.ids("Encounter")))
    assert said == [("not-looked-for", ["seen-p1"]), ("not-looked-for", ["seen-p1"]), ("id-lists", [])]


@pytest.mark.parametrize(
    ("plan", "deletions", "way"),
    [
        (COHORT, "auto", "id-lists"),
        (COHORT, "history", "history"),
        (POPULATION, "auto", "history"),
        (POPULATION, "id-lists", "id-lists"),
    ],
    ids=["cohort", "cohort, history asked for", "population", "population, lists asked for"],
)
def test_how_deletions_are_found(wards: Wards, plan: Any, deletions: str, way: str) -> None:
    """The history of a type is everybody's: it is read unasked only where everybody's resources are asked for."""
    ward = wards(plan, deletions=deletions)
    ward.screen("p1")
    ward.since()
    ward.server.clock.advance(DAY)
    ward.server.delete("Encounter", "seen-p1")
    manifest = ward.since()
    assert manifest.incremental is not None
    assert manifest.incremental["applied"][0]["deletions"]["Encounter"] == way
    assert applied(manifest) == {"Encounter": {"deleted": 1}}
    assert ward.landed() == ward.whole()


def test_merged_patients_are_counted_and_never_joined(ward: Ward) -> None:
    """Two in the cohort are one person: what still names the retired one stays with it, and the manifest says so."""
    ward.screen("p1", "p2", "p3")
    ward.since()
    ward.server.clock.advance(DAY)
    ward.server.merge("p2", "p1", move=False)
    manifest = ward.since()
    # p2's Procedure and Encounter still name it; both patients have an index event.
    assert warned(manifest, "merged-patients") == [{"n": 1, "resources": 2, "with_survivor": 1}]
    assert ward.ids("Patient") == ["p1", "p2", "p3"]
    ward.server.clock.advance(DAY)
    ward.put("Procedure", "act-p2", patient="p1", code="act", performedDateTime="2021-05-05")
    ward.put("Encounter", "seen-p2", patient="p1")
    manifest = ward.since()
    assert warned(manifest, "merged-patients") == []
    assert ward.ids("Patient") == ["p1", "p3"]
    assert ward.landed() == ward.whole()


def test_what_is_not_found_is_counted_over_the_snapshot(ward: Ward) -> None:
    ward.screen("p1", "p2")
    ward.since()
    ward.server.clock.advance(DAY)
    ward.server.delete("Device", "of-p1")
    ward.server.delete("Patient", "p2")
    ward.put("Procedure", "nobody", code="act", performedDateTime="2021-05-05")
    manifest = ward.since()
    assert warned(manifest, "not-found-by-id") == [{"type": "Patient", "n": 1}, {"type": "Device", "n": 1}]
    assert warned(manifest, "index-without-patient") == [{"n": 1}]


def test_a_snapshot_made_for_other_filters_is_refused(ward: Ward) -> None:
    ward.screen("p1")
    ward.since()
    ward.plan = POPULATION
    with pytest.raises(DefinitionError, match="another study definition, scope or way of searching"):
        ward.since()
    ward.plan = COHORT
    assert ward.since().complete


def test_an_instant_later_than_the_watermark_is_refused_and_an_earlier_one_asked(ward: Ward) -> None:
    ward.screen("p1")
    ward.since()
    before = ward.store.read()
    with pytest.raises(DefinitionError, match="what changed in between would be lost"):
        ward.since("2025-01-01T00:00:00Z")
    assert ward.store.read() == before
    manifest = ward.since("2023-01-01T00:00:00Z")
    assert manifest.incremental is not None
    assert set(manifest.incremental["applied"][0]["since"].values()) == {"2023-01-01T00:00:00Z"}


def test_of_two_at_once_one_is_refused(ward: Ward) -> None:
    ward.screen("p1")
    ward.since()
    with held(ward.store.folder, "wait"), pytest.raises(DefinitionError, match="another command is at work"):
        ward.since()


def test_a_snapshot_that_was_tampered_with_is_refused(ward: Ward) -> None:
    ward.screen("p1", "p2")
    ward.since()
    file = ward.store.snapshots / ward.state.snapshot / "Patient.000.ndjson"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(UnusableDataError, match=r"Patient\.000\.ndjson in .* was changed since it was written"):
        ward.since()


def test_everything_in_the_store_is_private_and_nothing_said_names_a_patient(ward: Ward) -> None:
    ward.screen("secret-patient")
    ward.since()
    ward.server.clock.advance(DAY)
    ward.put("Encounter", "seen-secret-patient", patient="secret-patient", status="finished")
    ward.since()
    for path in [ward.store.folder, *ward.store.folder.rglob("*")]:
        if path.name != ".gitignore":
            assert path.stat().st_mode & 0o077 == 0, path
    said = [
        *ward.store.folder.rglob("state.json"),
        *ward.folder.rglob("manifest.json"),
        *ward.folder.rglob("log.ndjson"),
    ]
    assert len(said) > 5
    for path in [*said, *ward.store.folder.rglob("applied.json")]:
        assert "secret-patient" not in path.read_text()

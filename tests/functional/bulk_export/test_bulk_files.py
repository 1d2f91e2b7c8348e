"""The files of an export: where they lie, that they expire, that they are not what the manifest says. Oracle:
fhir.md section 4, and the hospital's list of resources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.landing.manifest import Manifest
from tests.unit.client.bulk_hospital import BulkHospital, File, events, export, ndjson
from tests.unit.client.hospital import CANARY, COHORT_COUNTS, assert_balanced, landed, resources
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer


def counts(manifest: Manifest) -> dict[str, int]:
    return {type_: count.landed for type_, count in manifest.types.items() if count.landed}


def named(manifest: Manifest) -> list[tuple[str, str, str]]:
    return [(m.type, m.what, m.reason) for m in manifest.missing]


def files_asked(server: ScriptedServer) -> list[Asked]:
    return [asked for asked in server.asked if asked.path.startswith("/fhir/files")]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_files_are_asked_for_as_ndjson_and_may_come_compressed(packed: bool, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server).packed = packed
        manifest = export(server, tmp_path, limits={"parallel": 4}).manifest
        assert {a.headers["accept"] for a in files_asked(server)} == {"application/fhir+ndjson"}
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
    assert_balanced(manifest, tmp_path)


@pytest.mark.parametrize("address", ["{base}/files/{job}/{number}/export.ndjson", "files/{job}/{number}/%2e%2e/x"])
def test_two_files_of_one_name_are_two_and_no_name_is_a_path(address: str, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server).address = address
        manifest = export(server, tmp_path / "landing").manifest
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
    assert [path.name for path in tmp_path.iterdir()] == ["landing"]


@pytest.mark.parametrize("type_", ["../../x", "Observation/../x", "", 5, "Nonsense"])
def test_a_type_that_is_none_is_counted_by_what_the_lines_are(type_: object, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        for file in BulkHospital(server).files:
            file.more = {"type": type_}
        manifest = export(server, tmp_path / "landing").manifest
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
    assert [path.name for path in tmp_path.iterdir()] == ["landing"]


def test_fewer_lines_than_the_count_are_missing_by_number_and_type(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.files[1].count = "12"  # counts come as text too
        hospital.files[2].count = 1
        manifest = export(server, tmp_path).manifest
    assert named(manifest) == [("Observation", "9 of 12 of file 2 (Observation)", "fewer-than-count")]
    assert [w for w in manifest.warnings if w["code"] == "more-than-count"] == [
        {"code": "more-than-count", "what": "file 3 (Observation)", "n": 2}
    ]
    assert counts(manifest) == COHORT_COUNTS


@pytest.mark.parametrize("count", [None, "many", -1, True, 2.5])
def test_a_count_that_is_none_checks_nothing(count: object, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        for file in BulkHospital(server).files:
            file.count, file.more = None, {} if count is None else {"count": count}
        manifest = export(server, tmp_path).manifest
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)


def test_a_file_without_an_address_is_missing(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server).files[0].more = {"url": None}
        manifest = export(server, tmp_path).manifest
    assert named(manifest) == [("Device", "file 1 (Device)", "manifest-without-address")]


def test_a_file_that_stays_broken_is_missing_and_what_came_is_kept(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        first = hospital.files[1].body.index(b"\n") + 20
        hospital.override = lambda asked, answer: (
            Answer(200, answer.body[:first], cut=True) if asked.path.endswith("/1") else answer
        )
        manifest = export(server, tmp_path).manifest
    assert named(manifest) == [("Observation", "the rest of file 2 (Observation)", "dropped")]
    assert counts(manifest)["Observation"] == COHORT_COUNTS["Observation"] - 2
    assert_balanced(manifest, tmp_path)


def test_a_wrong_type_in_a_file_is_counted_by_its_own(tmp_path: Path) -> None:
    patient = next(item for item in resources() if item["id"] == "p2")
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        (patients,) = [file for file in hospital.files if file.type == "Patient"]
        patients.body = ndjson([item for item in resources() if item["resourceType"] == "Patient" and item != patient])
        hospital.files[1].body += ndjson([patient])
        patients.count, hospital.files[1].count = 2, 4
        manifest = export(server, tmp_path).manifest
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
    assert {item["resourceType"] for item in landed(tmp_path)["Patient"]} == {"Patient"}


def test_a_type_nobody_asked_for_in_the_place_of_another_is_missing(tmp_path: Path) -> None:
    """An index event that comes as something else would take its patient out of the cohort without a word."""
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        (procedures,) = [file for file in hospital.files if file.type == "Procedure"]
        procedures.body = procedures.body.replace(b'"resourceType": "Procedure"', b'"resourceType": "Basic"', 1)
        manifest = export(server, tmp_path).manifest
    said = [(each.type, each.what, each.reason) for each in manifest.missing]
    assert said == [("Procedure", "resources of other types in file 6 (Procedure)", "other-type")]
    assert manifest.types["Basic"].not_asked == {"outside-filter": 1}


# Other origins


def elsewhere(server: ScriptedServer, store: ScriptedServer, signed: str = "") -> BulkHospital:
    """The files lie on ``store``."""
    hospital = BulkHospital(server)
    hospital.address = store.base + "/files/{job}/{number}" + signed
    store.answer = hospital._answer
    return hospital


def test_files_on_an_origin_not_named_are_not_asked_and_it_is_named(tmp_path: Path) -> None:
    with ScriptedServer() as store, ScriptedServer() as server:
        hospital = elsewhere(server, store)
        manifest = export(server, tmp_path).manifest
        assert (store.asked, hospital.cancelled) == ([], ["j1"])
        assert {m.reason for m in manifest.missing} == {f"origin-not-named {store.origin}"}
    assert {m.type for m in manifest.missing} == set(COHORT_COUNTS)


@pytest.mark.parametrize("redirect", [True, False], ids=["307", "address"])
@pytest.mark.parametrize("with_token", [True, False], ids=["with token", "without"])
def test_storage_gets_the_token_only_where_the_sites_file_says_so(
    with_token: bool, redirect: bool, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(CANARY)
    with ScriptedServer() as store, ScriptedServer() as server:
        hospital = elsewhere(server, store)
        if redirect:
            hospital.address = "{base}/files/{job}/{number}"
            hospital.override = lambda asked, answer: (
                Answer(307, headers={"Location": store.origin + asked.path}) if "/files/" in asked.path else answer
            )
        manifest = export(
            server,
            tmp_path / "landing",
            other_origins=[{"origin": store.origin, "with_token": with_token}],
            auth={"kind": "bearer", "token": f"file:{tmp_path / 'token'}"},
        ).manifest
        assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
        assert {a.authorization for a in store.asked} == {f"Bearer {CANARY}" if with_token else None}


# Expiry


def expiring(hospital: BulkHospital, statuses: list[int], of: str = "") -> None:
    """The first requests for files are answered so; ``of`` picks files by the end of their path."""
    left = list(statuses)

    def fault(asked: Asked, answer: Answer) -> Answer:
        if asked.path.startswith("/fhir/files") and asked.path.endswith(of) and left:
            return Answer(left.pop(0))
        return answer

    hospital.override = fault


@pytest.mark.parametrize("status", [404, 410])
def test_files_that_expired_are_asked_for_at_fresh_addresses(status: int, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.polls = 0
        expiring(hospital, [status] * 3)
        manifest = export(server, tmp_path, limits={"parallel": 1}).manifest
        assert (hospital.begun, len(files_asked(server))) == (1, 9)
    assert (manifest.complete, counts(manifest), manifest.warnings) == (True, COHORT_COUNTS, ())


def test_signed_addresses_that_ran_out_are_fetched_anew(tmp_path: Path) -> None:
    """Storage answers 403 then; the credential has nothing to do with it. The signature is new, the path is not, and
    the manifest may list the files in another order."""
    signatures = iter("abcdefgh")
    with ScriptedServer() as store, ScriptedServer() as server:
        hospital = elsewhere(server, store)
        current = ""

        def sign(asked: Asked, answer: Answer) -> Answer:
            nonlocal current
            if not asked.path.startswith("/fhir/bulkstatus") or answer.status != 200:
                return answer
            current = next(signatures)
            said = json.loads(answer.body)
            said["output"] = [{**each, "url": f"{each['url']}?sig={current}"} for each in said["output"]]
            if current == "b":
                said["output"].reverse()
            return Answer(body=json.dumps(said).encode())

        hospital.override = sign

        def serve(asked: Asked) -> Answer:
            late = current == "a" and len(store.asked) > 3
            return Answer(403) if late or dict(asked.parameters)["sig"] != current else hospital._answer(asked)

        store.answer = serve
        manifest = export(server, tmp_path, other_origins=[store.origin], limits={"parallel": 1}).manifest
        assert hospital.begun == 1
        assert len({asked.path for asked in store.asked[3:]}) == 3
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
    assert manifest.types["Observation"].duplicates == 0


def test_files_that_stay_gone_make_the_export_begin_again(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        expiring(hospital, [404] * 3, of="j1/2")
        manifest = export(server, tmp_path).manifest
    assert (hospital.begun, hospital.cancelled) == (2, ["j1", "j2"])
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)


def test_a_file_gone_for_ever_is_missing_and_the_rest_is_kept(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        expiring(hospital, [404] * 99, of="/1")
        manifest = export(server, tmp_path).manifest
    assert (hospital.begun, hospital.jobs) == (3, {})
    assert named(manifest) == [("Observation", "file 2 (Observation)", "http-404")]
    assert {t: n for t, n in counts(manifest).items() if t != "Observation"} == {
        t: n for t, n in COHORT_COUNTS.items() if t != "Observation"
    }


def test_another_manifest_than_before_is_fetched_whole(tmp_path: Path) -> None:
    """Files of two snapshots are not mixed."""
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.polls = 0

        def changing(asked: Asked, answer: Answer) -> Answer:
            if asked.path.endswith("j1/2") and hospital.manifest.get("transactionTime") is None:
                hospital.manifest = {"transactionTime": "2024-03-01T13:00:00Z"}
                hospital.files.append(File("output", "Patient", ndjson([{"resourceType": "Patient", "id": "p8"}])))
                return Answer(404)
            return answer

        hospital.override = changing
        made = export(server, tmp_path, limits={"parallel": 1})
        assert len(files_asked(server)) == 6 + 7
    assert made.transaction_time == "2024-03-01T13:00:00Z"
    assert (made.manifest.complete, counts(made.manifest)) == (True, COHORT_COUNTS)
    assert "another one than before" in str(events(tmp_path))

"""Bulk Data export of the sandbox. Oracle: the Bulk Data Access guide (STU 2), request by request; R4's Patient
compartment; fhir.resources for shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from flows.sandbox import compartment
from flows.sandbox.access import Access
from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.clock import Clock
from flows.sandbox.instants import interval_of_text
from flows.sandbox.server import sandbox, serve
from tests.unit.sandbox.served_folder import ASYNC, finished, get, keys, kick_off, lines, resource, write

OLD, NEW = {"lastUpdated": "2020-01-01T00:00:00Z"}, {"lastUpdated": "2024-01-01T00:00:00Z"}

RESOURCES = [
    resource("Patient", "p1", meta=OLD),
    resource("Patient", "p2", meta=NEW),
    resource("Patient", "p3", meta=OLD, link=[{"other": {"reference": "Patient/p1"}, "type": "replaced-by"}]),
    resource("Observation", "o1", "p1", meta=OLD, status="final", code={"coding": [{"code": "a"}]}),
    resource("Observation", "o2", "p1", meta=NEW, status="final", code={"coding": [{"code": "b"}]}),
    resource("Observation", "o3", "p2", status="amended", code={"coding": [{"code": "c"}]}),
    resource("Observation", "o4", status="final", performer=[{"reference": "Patient/p2"}]),
    resource("Observation", "o5", status="final", subject={"reference": "Group/g1"}),
    resource("Condition", "c1", "p2", meta=OLD),
    resource("Medication", "m1", meta=OLD),
    resource("Provenance", "v1", target=[{"reference": "Observation/o1"}]),
    resource("Provenance", "v2", target=[{"reference": "Medication/m1"}]),
    resource("Group", "g1", member=[{"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Group/g2"}}]),
    resource("Group", "g2", member=[{"entity": {"reference": "Patient/p2"}, "inactive": True}]),
    resource("Group", "g3", member=[{"entity": {"reference": "Patient/p2"}}, {"entity": {"reference": "Group/g1"}}]),
]
EVERYTHING = keys(RESOURCES)
OF_PATIENTS = sorted(set(EVERYTHING) - {"Observation/o5", "Medication/m1", "Provenance/v2"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("exported"), RESOURCES)


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    with serve(folder) as address:
        yield address


def exported(address: str) -> list[str]:
    return keys(lines(finished(kick_off(address))))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$export", EVERYTHING),
        ("Patient/$export", OF_PATIENTS),
        ("Patient/%24export", OF_PATIENTS),
        (
            "Group/g1/$export",
            ["Group/g1", "Observation/o1", "Observation/o2", "Patient/p1", "Patient/p3", "Provenance/v1"],
        ),
        ("Group/g2/$export", []),
        ("Group/g3/$export?_type=Patient,Condition", ["Condition/c1", "Patient/p1", "Patient/p2", "Patient/p3"]),
        ("$export?_type=Observation,Medication", [key for key in EVERYTHING if key[0] in "OM"]),
        ("$export?_type=Condition&_type=Medication", ["Condition/c1", "Medication/m1"]),
        ("$export?_type=Substance", []),
        ("$export?_since=2022-01-01T00:00:00Z&_type=Observation,Patient,Condition",
         ["Observation/o2", "Observation/o3", "Observation/o4", "Observation/o5", "Patient/p2"]),
        ("$export?_since=2024-01-01T00:00:00Z&_type=Patient", []),
        ("$export?_type=Observation,Condition&_typeFilter=Observation%3Fcode%3Da,b",
         ["Condition/c1", "Observation/o1", "Observation/o2"]),
        ("$export?_type=Observation&_typeFilter=Observation%3Fcode%3Da,Observation%3Fstatus%3Damended",
         ["Observation/o1", "Observation/o3"]),
        ("$export?_type=Observation&_typeFilter=Observation%3Fcode%3Da&_typeFilter=Observation%3Fcode%3Db%26status%3Dfinal",
         ["Observation/o1", "Observation/o2"]),
        ("$export?_outputFormat=ndjson&_type=Medication", ["Medication/m1"]),
    ],
)  # fmt: skip
def test_an_export_holds(base: str, path: str, found: list[str]) -> None:
    assert exported(f"{base}/{path}") == found


def test_since_may_be_inclusive_as_at_hapi(folder: Path) -> None:
    with serve(folder, bulk=BulkSettings(since_inclusive=True)) as address:
        assert exported(f"{address}/$export?_since=2024-01-01T00:00:00Z&_type=Patient") == ["Patient/p2"]


def test_elements_id_gives_ids_only(base: str) -> None:
    (line,) = lines(finished(kick_off(f"{base}/$export?_type=Condition&_elements=Condition.id")))
    assert line.keys() == {"resourceType", "id", "meta"}


def _parameters(*pairs: tuple[str, Any]) -> dict[str, Any]:
    given = [{"name": n, "valueReference" if isinstance(v, dict) else "valueString": v} for n, v in pairs]
    return {"resourceType": "Parameters", "parameter": given}


@pytest.mark.parametrize(
    ("path", "pairs", "found"),
    [
        ("$export", [("_type", "Condition"), ("_type", "Medication")], ["Condition/c1", "Medication/m1"]),
        ("Patient/$export", [("_type", "Patient,Condition"), ("patient", {"reference": "Patient/p2"})],
         ["Condition/c1", "Patient/p2"]),
        ("Group/g3/$export", [("_type", "Patient"), ("patient", {"reference": "Patient/p2"})], ["Patient/p2"]),
    ],
)  # fmt: skip
def test_a_posted_kick_off(base: str, path: str, pairs: list[tuple[str, Any]], found: list[str]) -> None:
    answer = requests.post(f"{base}/{path}", json=_parameters(*pairs), headers=ASYNC, timeout=10)
    assert answer.status_code == 202
    manifest = finished(answer.headers["Content-Location"])
    assert keys(lines(manifest)) == found
    assert manifest["request"] == f"{base}/{path}"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("$export", {}, 400),
        ("$export?_outputFormat=csv", ASYNC, 400),
        ("$export?_since=yesterday", ASYNC, 400),
        ("$export?_type=Invented", ASYNC, 400),
        ("Patient/$export?_type=Medication", ASYNC, 400),
        ("Patient/$export?patient=Patient/p1", ASYNC, 400),
        ("$export?_type=Observation&_typeFilter=Observation%3F_sort%3D_id", ASYNC, 400),
        ("$export?_type=Observation&_typeFilter=Observation%3Finvented%3D1", ASYNC, 400),
        ("$export?_type=Observation&_typeFilter=Condition%3Fcode%3Da", ASYNC, 400),
        ("$export?_elements=status", ASYNC, 400),
        ("$export?includeAssociatedData=LatestProvenanceResources", ASYNC, 400),
        ("Group/nobody/$export", ASYNC, 404),
    ],
)
def test_a_kick_off_that_cannot_be_done_is_refused(base: str, path: str, headers: dict[str, str], status: int) -> None:
    answer = get(f"{base}/{path}", **headers)
    assert answer.status_code == status
    issue = OperationOutcome.model_validate_json(answer.content).issue[0]
    assert not any(value in issue.diagnostics for value in ("yesterday", "nobody", "csv", "p1"))


@pytest.mark.parametrize(
    "body", ["no json", "[]", '{"resourceType":"Patient"}', '{"resourceType":"Parameters","parameter":[{}]}']
)
def test_a_body_that_is_no_parameters_is_refused(base: str, body: str) -> None:
    answer = requests.post(f"{base}/$export", data=body, headers=ASYNC, timeout=10)
    assert answer.status_code == 400
    assert "no json" not in answer.text


def test_patients_outside_of_the_group_or_the_server_are_refused(base: str) -> None:
    for path, patient in (("Group/g1/$export", "p2"), ("Patient/$export", "nobody"), ("$export", "p1")):
        body = _parameters(("patient", {"reference": f"Patient/{patient}"}))
        assert requests.post(f"{base}/{path}", json=body, headers=ASYNC, timeout=10).status_code == 400


def test_a_lenient_kick_off_says_in_an_error_file_what_was_not_applied(base: str) -> None:
    headers = {"Prefer": "respond-async, handling=lenient"}
    answer = get(f"{base}/$export?_type=Condition,Invented&_elements=status", **headers)
    manifest = finished(answer.headers["Content-Location"])
    assert keys(lines(manifest)) == ["Condition/c1"]
    said = [OperationOutcome.model_validate(one).issue[0] for one in lines(manifest, "error")]
    assert [(issue.severity, issue.diagnostics) for issue in said] == [
        ("warning", "_elements was not applied."),
        ("warning", "_type was not applied."),
    ]


def test_status_is_202_with_progress_until_the_manifest(folder: Path) -> None:
    with sandbox(folder, bulk=BulkSettings(polls=2, retry_after="7")) as running:
        status = kick_off(f"{running.base}/$export")
        first, second, done = get(status), get(status), get(status)
        assert [first.status_code, second.status_code, done.status_code] == [202, 202, 200]
        assert (first.headers["x-progress"], first.headers["retry-after"]) == ("33% complete", "7")
        assert done.headers["content-type"] == "application/json"
        manifest = done.json()
        assert manifest.keys() == {"transactionTime", "request", "requiresAccessToken", "output", "deleted", "error"}
        assert manifest["request"] == f"{running.base}/$export"
        assert interval_of_text(manifest["transactionTime"]) is not None
        assert (manifest["requiresAccessToken"], manifest["deleted"], manifest["error"]) == (False, [], [])


def test_a_type_has_as_many_files_as_its_lines_need_and_lines_are_bytes_as_served(tmp_path: Path) -> None:
    text = [
        f'{{"resourceType":"Basic", "id":"b{n}","extension":[{{"url":"u","valueDecimal":1.{n}0}}]}}' for n in range(5)
    ]
    (tmp_path / "Basic.ndjson").write_text("\n".join(text))
    with serve(tmp_path, bulk=BulkSettings(lines_per_file=2, continues_in_file=True)) as address:
        output = finished(kick_off(f"{address}/$export"))["output"]
        assert [file["count"] for file in output] == [2, 2, 1]
        assert [file.get("continuesInFile") for file in output] == [output[1]["url"], output[2]["url"], None]
        assert "".join(get(file["url"]).text for file in output) == "\n".join(text) + "\n"
        assert len({file["url"].rpartition("/")[2] for file in output}) == 1


def test_a_manifest_in_pages(folder: Path) -> None:
    with serve(folder, bulk=BulkSettings(manifest_files=2, polls=0)) as address:
        status = kick_off(f"{address}/$export?_type=Patient,Observation,Condition")
        page = finished(status)
        found, following = [file["type"] for file in page["output"]], page.get("link")
        while following:
            assert following[0]["relation"] == "next"
            page = get(following[0]["url"]).json()
            found += [file["type"] for file in page["output"]]
            following = page.get("link")
        assert found == ["Condition", "Observation", "Patient"]
        assert get(f"{status}?page=none").status_code == 400


@pytest.mark.parametrize(
    ("settings", "key", "value"),
    [
        (BulkSettings(counts="text"), "count", "1"),
        (BulkSettings(counts="none"), "count", None),
    ],
)
def test_counts_as_servers_give_them(folder: Path, settings: BulkSettings, key: str, value: str | None) -> None:
    with serve(folder, bulk=settings) as address:
        (file,) = finished(kick_off(f"{address}/$export?_type=Condition"))["output"]
        assert file.get(key) == value


def test_lists_may_be_absent_and_errors_named_outcome(folder: Path) -> None:
    with serve(folder, bulk=BulkSettings(empty_lists=False)) as address:
        assert "output" not in finished(kick_off(f"{address}/$export?_type=Substance"))
    with serve(folder, bulk=BulkSettings(error_name="outcome")) as address:
        manifest = finished(kick_off(f"{address}/$export"))
        assert ("error" in manifest, manifest["outcome"]) == (False, [])


def test_delete_ends_a_job_and_then_it_is_404(folder: Path) -> None:
    with serve(folder) as address:
        status = kick_off(f"{address}/$export")
        file = finished(status)["output"][0]["url"]
        assert requests.delete(status, timeout=10).status_code == 202
        for gone in (get(status), requests.delete(status, timeout=10), get(file)):
            assert gone.status_code == 404
            OperationOutcome.model_validate_json(gone.content)
    with serve(folder, bulk=BulkSettings(delete_status=404, polls=0)) as address:
        assert requests.delete(kick_off(f"{address}/$export"), timeout=10).status_code == 404


def test_relative_location_and_files_elsewhere(folder: Path) -> None:
    settings = BulkSettings(relative_location=True, file_path="/files", file_host="localhost", polls=0)
    with serve(folder, bulk=settings) as address:
        location = get(f"{address}/$export", **ASYNC).headers["Content-Location"]
        assert location.startswith("/fhir/")
        output = finished(address.removesuffix("/fhir") + location)["output"]
        assert output[0]["url"].startswith(address.replace("127.0.0.1", "localhost").removesuffix("/fhir") + "/files/")


def test_one_export_at_a_time(folder: Path) -> None:
    with serve(folder, bulk=BulkSettings(one_at_a_time=True, retry_after="3")) as address:
        status = kick_off(f"{address}/$export")
        refused = get(f"{address}/$export", **ASYNC)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
        finished(status)
        kick_off(f"{address}/$export")


def test_an_equal_kick_off_may_be_given_the_old_job(folder: Path) -> None:
    with serve(folder, bulk=BulkSettings(reuse_equal=True)) as address:
        first = kick_off(f"{address}/$export")
        assert kick_off(f"{address}/$export") == first
        assert kick_off(f"{address}/$export?_type=Patient") != first
        assert kick_off(f"{address}/$export", **{"Cache-Control": "no-cache"}) != first


def test_credentials_are_wanted_for_everything_and_for_files_as_the_manifest_says(folder: Path) -> None:
    signed = {"Authorization": "Bearer t"}
    for required in (None, False):
        bulk = BulkSettings(requires_access_token=required, polls=0)
        with serve(folder, access=Access.bearer("t"), bulk=bulk) as address:
            assert get(f"{address}/$export", **ASYNC).status_code == 401
            status = get(f"{address}/$export", **ASYNC, **signed).headers["Content-Location"]
            assert get(status).status_code == 401
            manifest = get(status, **signed).json()
            file = manifest["output"][0]["url"]
            assert manifest["requiresAccessToken"] is (required is None)
            assert (get(file).status_code, get(file, **signed).status_code) == (
                (401, 200) if required is None else (200, 400)
            )


def test_deletions_since_are_transaction_bundles(folder: Path) -> None:
    clock = Clock(datetime(2025, 1, 1, tzinfo=UTC))
    with sandbox(folder, clock=clock, bulk=BulkSettings(deleted_per_bundle=2)) as running:
        before = finished(kick_off(f"{running.base}/$export"))["transactionTime"]
        for kind, one in (("Observation", "o1"), ("Observation", "o5"), ("Condition", "c1"), ("Medication", "m1")):
            running.delete(kind, one)
        running.put(RESOURCES[8])  # Condition/c1 is there again
        assert lines(finished(kick_off(f"{running.base}/$export")), "deleted") == []
        for path, urls in (
            ("$export", [["Medication/m1", "Observation/o1"], ["Observation/o5"]]),
            ("Patient/$export", [["Observation/o1"]]),
            ("Group/g2/$export", []),
            ("$export?_type=Medication", [["Medication/m1"]]),
        ):
            mark = "&" if "?" in path else "?"
            manifest = finished(kick_off(f"{running.base}/{path}{mark}_since={before}"))
            bundles = [Bundle.model_validate(one) for one in lines(manifest, "deleted")]
            assert {one.type for one in bundles} <= {"transaction"}
            assert [[entry.request.url for entry in one.entry] for one in bundles] == urls
            assert {entry.request.method for one in bundles for entry in one.entry} <= {"DELETE"}
            exported_now = keys(lines(manifest))
            assert not {url for one in urls for url in one} & set(exported_now)
    with sandbox(folder, bulk=BulkSettings(deleted=False)) as running:
        before = finished(kick_off(f"{running.base}/$export"))["transactionTime"]
        running.delete("Medication", "m1")
        assert "deleted" not in finished(kick_off(f"{running.base}/$export?_since={before}"))


def test_the_compartment_is_of_elements_that_r4_has() -> None:
    """Every element of the table exists in fhir.resources' R4B model of its type and is a reference."""
    for kind, paths in compartment.ELEMENTS.items():
        for path in paths:
            model = get_fhir_model_class(kind)
            *way, last = path.split(".")
            for name in way:
                model = get_fhir_model_class(_type_of(model, name))
            assert _type_of(model, last) == "Reference", f"{kind}.{path}"


def _type_of(model: Any, name: str) -> str:
    (field,) = [field for key, field in model.model_fields.items() if (field.alias or key) == name]
    found = re.search(r"abc\.(\w+)Type\b", str(field.annotation))
    assert found is not None
    return found[1]

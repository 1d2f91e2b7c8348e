"""Oracle: R4's search rules, written out case by case; fhir.resources for the shape of every answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import zstandard
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from flows.sandbox.access import Access
from flows.sandbox.server import Limits, serve
from mappings.errors import DefinitionError

LOINC, SCT = "http://loinc.org", "http://snomed.info/sct"


def _observation(n: int, patient: str, system: str, code: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{n}",
        "status": "final",
        "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


RESOURCES: dict[str, list[dict[str, Any]]] = {
    "Patient": [
        {"resourceType": "Patient", "id": "p1", "meta": {"versionId": "3", "lastUpdated": "2020-03-01T00:00:00Z"}},
        {"resourceType": "Patient", "id": "p2", "meta": {"lastUpdated": "2020-01-01T00:00:00Z"}},
        {"resourceType": "Patient", "id": "p3", "meta": {"lastUpdated": "2020-02-01T00:00:00Z"}},
    ],
    "Observation": [
        _observation(
            1, "p1", LOINC, "1-1", effectiveDateTime="2020-05-10", derivedFrom=[{"reference": "ImagingStudy/i1"}]
        ),
        _observation(2, "p1", SCT, "1-1", effectiveDateTime="2020-05-20T10:00:00Z"),
        _observation(3, "p2", LOINC, "2-2", effectivePeriod={"start": "2020-05-15"}),
        _observation(4, "p2", LOINC, "2-2", effectiveDateTime="2020-05", category=[{"coding": [{"code": "lab"}]}]),
        _observation(5, "p3", LOINC, "a,b", status="amended"),
        _observation(6, "p3", LOINC, "3-3", subject={"reference": "http://other.example/fhir/Patient/p3/_history/2"}),
    ],
    "ImagingStudy": [
        {
            "resourceType": "ImagingStudy",
            "id": "i1",
            "status": "available",
            "subject": {"reference": "Patient/p1"},
            "started": "2020-05-09",
        }
    ],
    "Procedure": [
        {
            "resourceType": "Procedure",
            "id": f"r{n:02}",
            "status": "completed",
            "subject": {"reference": "Patient/p1"},
            "performedDateTime": f"2020-06-{n:02}",
        }
        for n in range(1, 26)
    ],
    "MedicationAdministration": [
        {
            "resourceType": "MedicationAdministration",
            "id": "m1",
            "status": "completed",
            "subject": {"reference": "Patient/p1"},
            "medicationReference": {"reference": "Medication/d1"},
            "effectiveDateTime": "2020-05-10",
        }
    ],
    "Medication": [{"resourceType": "Medication", "id": "d1", "identifier": [{"system": "urn:s", "value": "v1"}]}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The resources above: plain, gzip and zstd, one type over two files, and one line with digits to keep."""
    made = tmp_path_factory.mktemp("served")
    for resource_type, resources in RESOURCES.items():
        lines = [json.dumps(resource).encode() for resource in resources]
        if resource_type == "Observation":
            (made / "Observation.000.ndjson").write_bytes(b"\n".join(lines[:3]))  # no newline at the end
            (made / "Observation.001.ndjson.gz").write_bytes(gzip.compress(b"\r\n".join(lines[3:]) + b"\r\n\r\n"))
        elif resource_type == "ImagingStudy":
            (made / "ImagingStudy.ndjson.zst").write_bytes(zstandard.compress(b"\n".join(lines)))
        else:
            (made / f"{resource_type}.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    (made / "Device.ndjson").write_bytes(
        b'{"resourceType":"Device", "id":"v1","extension":[{"url":"urn:x","valueDecimal":1.10}]}\n'
    )
    (made / "Substance.ndjson").write_bytes(b"")
    return made


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    with serve(folder, limits=Limits(page_size=10, max_page_size=20)) as address:
        yield address


def _get(address: str, **headers: str) -> dict[str, Any]:
    answer = requests.get(address, headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text
    Bundle.model_validate_json(answer.content)
    read: dict[str, Any] = answer.json()
    return read


def _ids(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def _links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Observation", "o1 o2 o3 o4 o5 o6"),
        ("Observation?_id=o1,o3,nobody", "o1 o3"),
        ("Observation?code=1-1", "o1 o2"),
        ("Observation?code=http://loinc.org|1-1", "o1"),
        ("Observation?code=http://loinc.org|1-1,http://loinc.org|2-2", "o1 o3 o4"),
        ("Observation?code=http://snomed.info/sct|", "o2"),
        ("Observation?code=|1-1", ""),
        ("Observation?category=|lab", "o4"),
        (r"Observation?code=a\,b", "o5"),
        ("Observation?status=amended", "o5"),
        ("Observation?patient=p1", "o1 o2"),
        ("Observation?patient=Patient/p1,Patient/p2", "o1 o2 o3 o4"),
        ("Observation?subject=Patient/p3", "o5 o6"),
        ("Observation?subject:Patient=p3", "o5 o6"),
        ("Observation?subject=Group/p3", ""),
        ("Observation?patient=p1&code=http://snomed.info/sct|1-1", "o2"),
        ("Observation?derived-from=ImagingStudy/i1", "o1"),
        ("Observation?date=2020-05-10", "o1"),
        ("Observation?date=2020-05", "o1 o2 o4"),
        ("Observation?date=ge2020-05-15", "o2 o3 o4"),
        ("Observation?date=gt2020-05-20", "o3 o4"),
        ("Observation?date=le2020-05-10", "o1 o4"),
        ("Observation?date=lt2020-05-10", "o4"),
        ("Observation?date=ge2020-05-10&date=le2020-05-12", "o1 o4"),
        ("Observation?date=sa2020-05-10", "o2 o3"),
        ("Observation?date=eb2020-05-20", "o1"),
        ("Observation?category=lab", "o4"),
        ("ImagingStudy?started=ge2020-05-09&started=le2020-05-09", "i1"),
        ("MedicationAdministration?effective-time=2020-05-10", "m1"),
        ("Procedure?date=ge2020-06-24", "r24 r25"),
        ("Medication?identifier=urn:s|v1", "d1"),
        ("Patient?_lastUpdated=ge2020-02-01", "p1 p3"),
        ("Patient?_sort=_lastUpdated", "p2 p3 p1"),
        ("Patient?_sort=-_lastUpdated", "p1 p3 p2"),
        ("Patient?_sort=-_id", "p3 p2 p1"),
        ("Substance", ""),
        ("Condition?patient=p1", ""),
    ],
)
def test_a_search_finds(base: str, search: str, found: str) -> None:
    bundle = _get(f"{base}/{search}")
    assert _ids(bundle) == found.split()
    assert bundle["total"] == len(found.split())


def test_post_search_is_the_same_as_get(base: str) -> None:
    form = {"code": "http://loinc.org|2-2", "patient": "Patient/p2"}
    answer = requests.post(f"{base}/Observation/_search", data=form, timeout=10).json()
    assert _ids(answer) == ["o3", "o4"]
    assert _ids(answer) == _ids(_get(f"{base}/Observation?code=http://loinc.org|2-2&patient=Patient/p2"))


@pytest.mark.parametrize(
    ("search", "added"),
    [
        ("MedicationAdministration?_include=MedicationAdministration:medication", ["d1"]),
        ("MedicationAdministration?_include=MedicationAdministration:medication:Substance", []),
        ("Observation?_id=o1,o2&_include=Observation:derived-from&_include=Observation:subject", ["i1", "p1"]),
        ("ImagingStudy?_revinclude=Observation:derived-from", ["o1"]),
        ("Patient?_id=p1,p3&_revinclude=Observation:patient", ["o1", "o2", "o5", "o6"]),
    ],
)
def test_includes(base: str, search: str, added: list[str]) -> None:
    bundle = _get(f"{base}/{search}")
    assert sorted(_ids(bundle, "include")) == added
    assert bundle["total"] == len(_ids(bundle))


def test_pages_hold_everything_once_and_in_order(base: str) -> None:
    found, pages, address = [], 0, f"{base}/Procedure?patient=p1&_count=7"
    while address:
        bundle = _get(address)
        assert bundle["total"] == 25
        assert _links(bundle)["self"].endswith("/Procedure?patient=p1&_count=7")
        found += _ids(bundle)
        pages += 1
        address = _links(bundle).get("next", "")
    assert (found, pages) == ([f"r{n:02}" for n in range(1, 26)], 4)


def test_page_sizes_default_and_cap(base: str) -> None:
    assert len(_ids(_get(f"{base}/Procedure"))) == 10
    assert len(_ids(_get(f"{base}/Procedure?_count=1000"))) == 20


def test_a_page_link_is_opaque_and_cannot_be_edited(base: str) -> None:
    following = _links(_get(f"{base}/Procedure?patient=p1&_count=7"))["next"]
    assert "p1" not in following
    name, _, signature = following.partition("_page=")[2].split("-")
    for token in (f"{name}-0-{signature}", f"{name}-7-{'0' * 24}", "nonsense"):
        answer = requests.get(f"{base}?_page={token}", timeout=10)
        assert answer.status_code == 410
        OperationOutcome.model_validate_json(answer.content)


def test_an_expired_search_is_gone(folder: Path) -> None:
    with serve(folder, limits=Limits(page_size=10, page_lifetime=0)) as address:
        following = _links(_get(f"{address}/Procedure"))["next"]
        assert requests.get(following, timeout=10).status_code == 410


def test_counts_without_entries(base: str) -> None:
    for search in ("_summary=count", "_count=0"):
        bundle = _get(f"{base}/Observation?{search}")
        assert (bundle["total"], "entry" in bundle, list(_links(bundle))) == (6, False, ["self"])
    assert "total" not in _get(f"{base}/Observation?_total=none")


def test_elements_id_gives_ids_only(base: str) -> None:
    bundle = _get(f"{base}/Patient?_elements=id&_id=p1")
    assert bundle["entry"][0]["resource"].keys() == {"resourceType", "id", "meta"}
    assert bundle["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_what_is_not_supported_is_ignored_and_not_in_self(base: str) -> None:
    for asked in (
        "invented=1",
        "code:in=x",
        "_summary=text",
        "_elements=name",
        "_sort=code",
        "_include=Observation:no",
    ):
        bundle = _get(f"{base}/Observation?{asked}&status=amended")
        assert _ids(bundle) == ["o5"]
        assert _links(bundle)["self"] == f"{base}/Observation?status=amended"


def test_what_is_not_supported_is_refused_where_asked_to_be_strict(base: str) -> None:
    answer = requests.get(f"{base}/Observation?invented=secret", headers={"Prefer": "handling=strict"}, timeout=10)
    assert answer.status_code == 400
    outcome = OperationOutcome.model_validate_json(answer.content)
    assert outcome.issue[0].diagnostics == "Not supported for Observation: invented"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("Patient/nobody", 404, "not-found"),
        ("Invented", 404, "not-supported"),
        ("Invented/1", 404, "not-supported"),
        ("a/b/c", 404, "not-found"),
        ("Observation?date=yesterday", 400, "invalid"),
        ("Observation?_count=many", 400, "invalid"),
        ("Observation?_total=perhaps", 400, "invalid"),
        ("Observation?_format=xml", 400, "invalid"),
        ("?code=x", 400, "not-supported"),
    ],
)
def test_errors_are_operation_outcomes_that_repeat_no_value(base: str, path: str, status: int, code: str) -> None:
    answer = requests.get(f"{base}/{path}" if not path.startswith("?") else base + path, timeout=10)
    assert answer.status_code == status
    issue = OperationOutcome.model_validate_json(answer.content).issue[0]
    assert issue.code == code
    assert not any(value in issue.diagnostics for value in ("nobody", "yesterday", "many", "perhaps"))


def test_a_resource_is_served_as_its_file_has_it(base: str, folder: Path) -> None:
    line = (folder / "Device.ndjson").read_bytes().strip()
    assert requests.get(f"{base}/Device/v1", timeout=10).content == line
    assert b'"resource":' + line + b"," in requests.get(f"{base}/Device", timeout=10).content
    assert requests.get(f"{base}/Patient/p1", timeout=10).headers["etag"] == 'W/"3"'


def test_the_capability_statement_is_valid_and_true(base: str) -> None:
    answer = requests.get(f"{base}/metadata", timeout=10)
    statement = CapabilityStatement.model_validate_json(answer.content)
    assert statement.fhirVersion == "4.0.1"
    by_type = {resource.type: resource for resource in statement.rest[0].resource}
    assert {"code", "date", "patient", "subject", "status"} <= {p.name for p in by_type["Observation"].searchParam}
    for resource_type, resource in by_type.items():
        for parameter in resource.searchParam:
            value = {"date": "2020", "reference": "Patient/p1"}.get(parameter.type, "x")
            address = f"{base}/{resource_type}?{parameter.name}={value}&_count=1"
            assert requests.get(address, headers={"Prefer": "handling=strict"}, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("access", "good", "bad"),
    [
        (Access.basic("ann", "s3cret"), {"auth": ("ann", "s3cret")}, {"auth": ("ann", "wrong")}),
        (
            Access.bearer("t0ken"),
            {"headers": {"Authorization": "Bearer t0ken"}},
            {"headers": {"Authorization": "Bearer x"}},
        ),
    ],
)
def test_credentials(folder: Path, access: Access, good: dict[str, Any], bad: dict[str, Any]) -> None:
    with serve(folder, access=access) as address:
        assert requests.get(f"{address}/metadata", timeout=10).status_code == 200
        for wrong in (bad, {}):
            refused = requests.get(f"{address}/Patient", timeout=10, **wrong)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].split()[0] == access.header.split()[0]
        allowed = requests.get(f"{address}/Procedure", timeout=10, **good).json()
        assert requests.get(_links(allowed).get("next", f"{address}/Patient"), timeout=10, **good).status_code == 200
    assert "s3cret" not in repr(access)


def test_a_later_line_of_the_same_id_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    lines = [f'{{"resourceType":"Basic","id":"a","code":{{"text":"{n}"}}}}' for n in (1, 2)]
    (tmp_path / "Basic.ndjson").write_text("\n".join(lines))
    with serve(tmp_path) as address:
        bundle = _get(f"{address}/Basic")
        assert bundle["total"] == 1
        assert requests.get(f"{address}/Basic/a", timeout=10).json()["code"]["text"] == "2"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "holds no NDJSON file"),
        (
            lambda folder: (folder / "Patient.ndjson").write_text('{"resourceType":"Patient"}\n{"x":'),
            "Patient.ndjson:2",
        ),
        (lambda folder: (folder / "Patient.ndjson").write_text('{"id":"x"}'), "Patient.ndjson:1"),
        (lambda folder: (folder / "Patient.ndjson.gz").write_text("no gzip"), "cannot be unpacked"),
        (lambda folder: (folder / "Patient.ndjson.zst").write_text("no zstd"), "cannot be unpacked"),
    ],
)
def test_a_folder_that_cannot_be_served_is_said_so(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    make(tmp_path)
    with pytest.raises(DefinitionError, match=said), serve(tmp_path):
        pass


def test_a_port_that_is_taken_is_said_so(folder: Path, base: str) -> None:
    port = int(base.split(":")[2].split("/")[0])
    with pytest.raises(DefinitionError, match="Cannot listen"), serve(folder, port=port):
        pass


def test_a_wrapper_sees_every_request(folder: Path) -> None:
    seen: list[str] = []

    def wrap(app: Any) -> Any:
        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["path"])
            await app(scope, receive, send)

        return wrapped

    with serve(folder, wrap=wrap) as address:
        requests.get(f"{address}/Patient/p1", timeout=10)
    assert seen == ["/fhir/Patient/p1"]


def test_nothing_answers_after_the_end(folder: Path) -> None:
    with serve(folder) as address:
        pass
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address}/metadata", timeout=10)


@pytest.mark.shared
def test_the_public_sample_is_served_whole(shared: Path) -> None:
    """All counts, and one small type page by page, against the sample's own COUNTS.json and files."""
    counts = json.loads((shared / "synthea" / "COUNTS.json").read_text())
    with serve(shared / "synthea") as address:
        served = {name: _get(f"{address}/{name}?_summary=count")["total"] for name in counts}
        assert served == {name: said["count"] for name, said in counts.items()}
        lines = gzip.decompress((shared / "synthea" / "Patient.ndjson.gz").read_bytes()).splitlines()
        answer = requests.get(f"{address}/Patient", timeout=30).content
        assert all(line in answer for line in lines)
        assert len(lines) == 69

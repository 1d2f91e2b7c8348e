"""Adverse events in the sandbox. Oracle: R4's search parameters of AdverseEvent: `subject`, not `patient`; `event`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from fhir.resources.R4B.bundle import Bundle

from flows.sandbox.server import serve

SCT = "http://snomed.info/sct"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    events = [
        {
            "resourceType": "AdverseEvent",
            "id": f"a{n}",
            "actuality": "actual",
            "subject": {"reference": f"Patient/p{n}"},
            "event": {"coding": [{"system": SCT, "code": "386661006"}]},
            "date": f"2020-05-1{n}",
        }
        for n in (1, 2)
    ]
    (folder / "AdverseEvent.ndjson").write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
    with serve(folder) as address:
        yield address


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("subject=Patient/p1,Patient/p3", "a1"),
        ("subject=p2", "a2"),
        (f"event={SCT}|386661006&subject:Patient=p1,p2", "a1 a2"),
        ("event=386661007", ""),
        ("date=ge2020-05-12", "a2"),
        ("subject=Group/p1", ""),
    ],
)
def test_a_search_finds(base: str, search: str, found: str) -> None:
    bundle = Bundle.model_validate_json(requests.get(f"{base}/AdverseEvent?{search}", timeout=10).content)
    assert [entry.resource.id for entry in bundle.entry or ()] == found.split()


@pytest.mark.parametrize("search", ["patient=p1", f"code={SCT}|386661006"])
def test_what_r4_does_not_have_is_refused_by_a_strict_server(base: str, search: str) -> None:
    strict = {"Prefer": "handling=strict"}
    assert requests.get(f"{base}/AdverseEvent?{search}", headers=strict, timeout=10).status_code == 400

"""The extraction bench's server and truth. Oracle: the made-up resources themselves, found again over HTTP by plain
requests and by Bedside's own extraction."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.extract import servers
from benchmarks.extract.asked import Asked
from benchmarks.extract.clients import bedside_client, bedside_command, bedside_landing, plain_downloads
from benchmarks.extract.data import TYPES, copy, id_of, patient_of, write
from benchmarks.extract.page_server import Endless, PageServer
from benchmarks.extract.truth import compare, left, served

PATIENTS = 3
EACH = 7  # of every other type and patient


def made_up(type_: str, number: int, patient: int) -> bytes:
    head = f'{{"resourceType":"{type_}","id":"{number:08x}-0000-4000-8000-{TYPES.index(type_):012x}"'
    about = "" if type_ == "Patient" else f',"subject":{{"reference":"Patient/{patient:08x}-0000-4000-8000-{0:012x}"}}'
    return f'{head}{about},"value":1.10,"note":"a: b"}}'.encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sample"
    made.mkdir()
    for type_ in TYPES:
        count = PATIENTS if type_ == "Patient" else PATIENTS * EACH
        lines = [made_up(type_, n, n % PATIENTS) for n in range(count)]
        (made / f"{type_}.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    return made


@pytest.fixture
def base(folder: Path) -> Iterator[str]:
    with PageServer(page_size=4) as server:
        server.prepare(folder)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.base
        server.shutdown()
        thread.join()


def pages(url: str | None) -> Iterator[dict[str, Any]]:
    while url:
        page = requests.get(url, timeout=10).json()
        yield page
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)


def ids(made: Iterator[dict[str, Any]]) -> list[str]:
    return [entry["resource"]["id"] for page in made for entry in page.get("entry", ())]


def test_every_resource_is_on_one_page_whole_and_by_patient(base: str, folder: Path) -> None:
    held = [json.loads(line)["id"] for line in (folder / "Observation.ndjson").read_bytes().splitlines()]
    whole = list(pages(f"{base}/Observation?_count=4"))
    assert [len(page["entry"]) for page in whole] == [4, 4, 4, 4, 4, 1]
    assert ids(iter(whole)) == held
    patients = [json.loads(line)["id"] for line in (folder / "Patient.ndjson").read_bytes().splitlines()]
    by_patient = [ids(pages(f"{base}/Observation?patient={patient}")) for patient in patients]
    assert [len(some) for some in by_patient] == [EACH] * PATIENTS
    assert sorted(one for some in by_patient for one in some) == sorted(held)
    assert ids(pages(f"{base}/Observation?patient=nobody")) == []
    assert ids(pages(f"{base}/Patient?_id={patients[0]}")) == patients[:1]


def test_faults_come_once_each_and_requests_are_counted(base: str) -> None:
    servers.counts(base)
    servers.give_faults(base, 2)
    got = [requests.get(f"{base}/Patient", timeout=10) for _ in range(7)]
    assert [reply.status_code for reply in got] == [200, 429, 200, 503, 200, 200, 200]
    assert [reply.headers["Content-Type"] for reply in got].index("text/html") == 5
    told = servers.counts(base)
    assert told == {"requests": 7, "bytes": sum(len(reply.content) for reply in got), "faults_left": 0}
    assert servers.counts(base)["requests"] == 0


@pytest.mark.parametrize("client", [plain_downloads, bedside_client, bedside_landing, bedside_command])
def test_clients_leave_what_was_served(client: Any, base: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    client.fetch(Asked(base, out, TYPES, 4, 2, tmp_path / "none"))
    truth = served(folder)
    assert len(truth) == PATIENTS + (len(TYPES) - 1) * PATIENTS * EACH
    assert compare(truth, left(out)) == {"landed": len(truth), "lost": 0, "twice": 0, "never_served": 0}


def test_truth_counts_what_is_lost_twice_and_made_up() -> None:
    truth = {("Patient", "a"), ("Patient", "b"), ("Patient", "c")}
    found = Counter({("Patient", "a"): 3, ("Patient", "b"): 1, ("Patient", "x"): 2})
    assert compare(truth, found) == {"landed": 2, "lost": 1, "twice": 3, "never_served": 1}


def test_an_error_page_kept_as_a_page_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "Patient.00000.json").write_text("<html>")
    (tmp_path / "Patient.00001.json").write_text('{"entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}')
    assert left(tmp_path) == Counter({("Patient", "a"): 1})


def test_copies_have_other_ids_and_keep_their_patient(folder: Path, tmp_path: Path) -> None:
    line = made_up("Observation", 5, 2)
    assert copy(line, 0) == line
    first, second = copy(line, 1), copy(line, 2)
    assert len({id_of(line), id_of(first), id_of(second)}) == 3
    assert patient_of(first) == id_of(copy(made_up("Patient", 2, 0), 1))
    assert json.loads(first)["note"] == "a: b"
    counts = write(folder, tmp_path / "more", 3)
    assert counts == {type_: 3 * (PATIENTS if type_ == "Patient" else PATIENTS * EACH) for type_ in TYPES}
    assert len(served(tmp_path / "more")) == sum(counts.values())


def test_endless_pages_never_repeat_an_id() -> None:
    made = Endless("http://h/fhir", "Observation", [made_up("Observation", n, 0) for n in range(4)], 5_000)
    all_pages = [json.loads(made.page(number)) for number in range(made.count)]
    found = ids(iter(all_pages))
    assert len(found) == len(set(found)) == made.count * 4 == all_pages[0]["total"]
    assert [len(page["link"]) for page in all_pages] == [2] * (made.count - 1) + [1]
    assert 4_000 < sum(len(made.page(number)) for number in range(made.count)) < 7_000

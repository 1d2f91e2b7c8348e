"""What bad servers get: a clear sentence, an exit code, and nothing analysed that is not whole. Oracle: the list
"What bad input gets" in issue 3 and the exit codes of the design."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pandas as pd
import pytest

from tests.fixtures.faulty_server import HTML, Answer, Fault, always, faulty_server, second_page, with_next
from tests.fixtures.sample_runs import only, ran
from tests.functional.conftest import edited_copy, run_study

FEW = ("P01", "P02", "P03", "P12", "P13", "P14")


def port_of_nobody() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def few(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with three patients of each arm: for what goes wrong before any analysis."""
    types = [file.stem for file in sample.glob("*.ndjson")]
    to = tmp_path_factory.mktemp("few") / "data"
    return edited_copy(sample, to, dict.fromkeys(types, only(FEW)))


@pytest.mark.usefixtures("no_waits")
def test_server_unreachable_is_3(tmp_path: Path) -> None:
    said = run_study(tmp_path, "--source", f"http://127.0.0.1:{port_of_nobody()}/fhir")
    assert said.code == 3
    assert "cannot be reached" in said.err


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [(Answer(401, b""), "answered 401"), (Answer(200, HTML, "text/html"), "HTML")],
    ids=["401", "html"],
)
def test_401_and_nothing_but_html_are_3(few: Path, tmp_path: Path, answer: Answer, sentence: str) -> None:
    with faulty_server(few, always(answer)) as base:
        said = run_study(tmp_path, "--source", base)
    assert said.code == 3
    assert sentence in said.err


ELSEWHERE = "https://files.elsewhere.example"
FAULTS: dict[str, tuple[Fault, str]] = {
    "page missing": (second_page("Observation", lambda _said, _own: Answer(404, b"")), "page-missing"),
    "server error": (second_page("Observation", lambda _said, _own: Answer(500, b"")), "http-500"),
    "page loop": (second_page("Observation", with_next), "page-loop"),
    "search expired": (second_page("Observation", lambda _said, _own: Answer(410, b"")), "expired"),
    "origin not named": (
        second_page("Observation", lambda said, _own: with_next(said, f"{ELSEWHERE}/fhir?page=3")),
        ELSEWHERE,
    ),
}


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_fetched_is_6_and_not_analysed(few: Path, tmp_path: Path, fault: str) -> None:
    made, reason = FAULTS[fault]
    with faulty_server(few, made) as base:
        found = ran(tmp_path, "--source", base)
    assert found.said.code == 6
    (told,) = [line for line in found.said.err.splitlines() if reason in line]
    assert "Observation" in told
    assert "page" in told
    assert not found.run.results.exists()
    assert not found.run.report.exists()
    assert found.ledger()["balanced"]
    assert (found.run.read()["outcome"], found.run.read()["exit_code"]) == ("incomplete", 6)


@pytest.mark.usefixtures("no_waits")
def test_what_cannot_be_fetched_is_analysed_if_allowed_and_still_6(few: Path, tmp_path: Path) -> None:
    gone = second_page("Encounter", lambda _said, _own: Answer(404, b""))
    with faulty_server(few, gone, page_size=10) as base:
        found = ran(tmp_path, "--source", base, "--allow-incomplete")
    assert found.said.code == 6
    assert "missing: yichang: Encounter: page 2 of search" in found.said.err
    assert found.flow()["screened"] == len(FEW)
    assert "incomplete" in found.run.report.read_text()
    assert not (found.run.root.parent / "latest").exists()


@pytest.mark.usefixtures("no_waits")
def test_one_of_two_sites_unreachable_leaves_the_rest_analysed_and_is_6(few: Path, tmp_path: Path) -> None:
    sites = tmp_path / "sites.toml"
    sites.write_text(
        f'[[site]]\nid = "north"\nfolder = {json.dumps(str(few))}\ntimezone = "Asia/Shanghai"\n'
        f'[[site]]\nid = "south"\nbase = "http://127.0.0.1:{port_of_nobody()}/fhir"\n'
    )
    found = ran(tmp_path / "runs", "--sites", sites)
    assert found.said.code == 6
    assert "missing: south: " in found.said.err
    assert "cannot be reached" in found.said.err
    assert found.flow()["screened"] == len(FEW)
    adsl = pd.read_parquet(found.run.analysis / "adsl.parquet")
    assert set(adsl["SITEID"]) == {"north"}

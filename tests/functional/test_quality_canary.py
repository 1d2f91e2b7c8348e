"""No patient value leaves: a unique value in every text field of every type of resource, and a search for all of them.

Each text of one resource a type is replaced in a copy of that resource, one copy a field, by a value that is nowhere
else; texts that machines do not read (names, displays, notes) carry one in every resource. Oracle: the values planted.
Only ``failures.parquet``, the landed data and the tables may hold them, for the secure area.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from flows.job import again
from flows.quality_artifact import markdown
from tests.fixtures.sample_runs import Ran, ran
from tests.fixtures.text_fields import READ_BY_PEOPLE, put, texts
from tests.functional.conftest import STUDY, Said, command

pytestmark = [pytest.mark.xdist_group("quality-canary"), pytest.mark.timeout(600)]


def planted(lines: list[str], type_: str, canaries: list[str]) -> Iterator[str]:
    """The resources with canaries in what people read, and a copy for every text field of three of them."""

    def canary() -> str:
        canaries.append(f"Qz{len(canaries):05d}xK")
        return canaries[-1]

    resources = [json.loads(line) for line in lines]
    for resource in resources:
        changed = copy.deepcopy(resource)
        if type_ == "Patient":
            changed |= {
                "name": [{"family": canary(), "given": [f"<script>{canary()}</script>"]}],
                "address": [{"line": [canary()], "city": canary()}],
                "telecom": [{"system": "phone", "value": canary()}],
                "identifier": [{"system": "urn:mrn", "value": canary()}],
            }
        if type_ in ("Observation", "Procedure", "Condition", "MedicationAdministration"):
            changed["note"] = [{"text": f"<img src=x onerror=alert(1)> {canary()}"}]
        for place in [p for p in texts(changed) if p[-1] in READ_BY_PEOPLE and "name" not in p and "note" not in p]:
            put(changed, place, canary())
        yield json.dumps(changed)
    for resource in resources[:3]:
        for n, place in enumerate(texts(resource)):
            twin = copy.deepcopy(resource) | {"id": f"{resource['id']}-c{n}"}
            put(twin, place, canary())
            yield json.dumps(twin)


def write_planted(sample: Path, data: Path) -> list[str]:
    """Write a copy of the sample full of canaries; these."""
    data.mkdir()
    canaries: list[str] = []
    for file in sorted(sample.glob("*.ndjson")):
        lines = planted(file.read_text().splitlines(), file.stem, canaries)
        (data / file.name).write_text("".join(f"{line}\n" for line in lines))
    return canaries


@pytest.fixture(scope="module")
def marked(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, list[str], Said]:
    """A run of data full of canaries, the canaries, and what making the dashboard said."""
    folder = tmp_path_factory.mktemp("canaries")
    canaries = write_planted(sample, folder / "data")
    found = ran(folder / "runs", "--source", folder / "data", study=lenient(folder))
    board = command("dashboard", folder / "li2023", "--runs", folder / "runs")
    assert board.code == 0, board.err
    return found, canaries, board


@pytest.fixture(scope="module")
def stopped(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, list[str]]:
    """A run of the same data under the study's own rules, which hold them."""
    folder = tmp_path_factory.mktemp("stopped")
    canaries = write_planted(sample, folder / "data")
    return ran(folder / "runs", "--source", folder / "data"), canaries


def lenient(folder: Path) -> Path:
    """The study with a gate that stops nothing, so that every page is made of these data."""
    import shutil

    from expectations.catalogue import catalogue

    study = folder / "li2023"
    shutil.copytree(STUDY, study)
    text = (study / "study.toml").read_text()
    actions = ", ".join(f'{check.id} = "warn"' for check in catalogue() if check.action == "stop")
    shares = ", ".join(f"{check.id} = 100" for check in catalogue() if check.stop_above is not None)
    rules = f"[checks]\nstop_above_percent = 100\nactions = {{ {actions} }}\nstop_above = {{ {shares} }}\n\n"
    (study / "study.toml").write_text(text.replace("[[checks.own]]", f"{rules}[[checks.own]]"))
    return study


def holding(text: str, canaries: list[str]) -> list[str]:
    return [canary for canary in canaries if canary in text]


def test_there_are_canaries_in_the_tables(marked: tuple[Ran, list[str], Said]) -> None:
    run, canaries, _ = marked
    assert run.said.code in (0, 4), run.said.err
    assert len(canaries) > 2000
    tables = "".join(pd.read_parquet(file).to_csv() for file in sorted(run.run.tables.glob("*.parquet")))
    assert len(holding(tables, canaries)) > 500


def test_no_canary_is_said_or_logged(marked: tuple[Ran, list[str], Said]) -> None:
    run, canaries, board = marked
    assert holding(run.said.text + board.text, canaries) == []


PAGES = ("run.json", "ledger.json", "dashboard.html", "report/index.html", "results/results.csv")


@pytest.mark.parametrize("name", PAGES)
def test_no_canary_is_in_what_people_read(marked: tuple[Ran, list[str], Said], name: str) -> None:
    run, canaries, _ = marked
    path = run.run.root.parent / name if name == "dashboard.html" else run.run.root / name
    text = path.read_text()
    assert len(text) > 500
    assert holding(text, canaries) == []


@pytest.mark.parametrize("name", ["checks", "touched", "subjects", "profile"])
def test_no_canary_is_in_the_results_of_checks(marked: tuple[Ran, list[str], Said], name: str) -> None:
    run, canaries, _ = marked
    rows = pd.read_parquet(run.run.quality / f"{name}.parquet")
    assert len(rows) > 2
    assert holding(rows.to_csv(), canaries) == []


def test_no_canary_is_in_fhir_or_in_prefects_artifact(marked: tuple[Ran, list[str], Said]) -> None:
    run, canaries, _ = marked
    written = "".join(file.read_text() for file in sorted((run.run.quality / "fhir").glob("*.ndjson")))
    said = markdown(again(run.run), run.run)
    assert len(written) > 10_000
    assert said.startswith("# Data quality of li2023")
    assert holding(written + said, canaries) == []


def test_rows_that_failed_are_kept_for_the_secure_area(marked: tuple[Ran, list[str], Said]) -> None:
    run, _, _ = marked
    assert len(pd.read_parquet(run.run.failures)) > 10
    assert run.run.failures.stat().st_mode & 0o077 == 0


def test_no_canary_is_said_by_a_gate_that_stops(stopped: tuple[Ran, list[str]]) -> None:
    """The sentence of the error, the run's own account and the results of its checks; the command says which."""
    run, canaries = stopped
    assert run.said.code == 5, run.said.err
    checks = pd.read_parquet(run.run.checks)
    stops = checks[checks["stops"]]
    assert len(stops) > 0
    assert any(check in run.said.err for check in stops["check_id"])
    assert holding(run.said.text, canaries) == []
    assert holding((run.run.root / "run.json").read_text(), canaries) == []
    assert holding(checks.to_csv(), canaries) == []


@pytest.mark.parametrize("name", ["checks", "touched", "subjects", "profile"])
def test_no_canary_is_in_the_results_of_a_gate_that_stops(stopped: tuple[Ran, list[str]], name: str) -> None:
    run, canaries = stopped
    path = run.run.quality / f"{name}.parquet"
    assert holding(pd.read_parquet(path).to_csv(), canaries) == []


def test_no_canary_is_on_the_dashboard_of_a_gate_that_stops(stopped: tuple[Ran, list[str]]) -> None:
    run, canaries = stopped
    board = command("dashboard", STUDY, "--runs", run.run.root.parent.parent)
    assert board.code == 0, board.err
    page = (run.run.root.parent / "dashboard.html").read_text()
    assert 'class="gate-held"' in page
    assert holding(board.text + page, canaries) == []

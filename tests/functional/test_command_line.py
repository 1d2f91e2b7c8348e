"""The command line as people and scripts meet it.

Oracle: docs/command-line.md and the exit codes of mappings/errors.py; what is counted is counted again in the resources
of the sample.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from flows.cli.app import app
from flows.run_folder import RunFolder
from tests.conftest import REPOSITORY
from tests.functional.conftest import STUDY, Said, command, copy_run, only_run

pytestmark = pytest.mark.xdist_group("sample-run")

COMMANDS = (
    "dashboard",
    "run",
    "export",
    "extract",
    "map",
    "derive",
    "check",
    "analyse",
    "report",
    "lock",
    "sign",
    "status",
    "trace",
    "diff",
    "sandbox",
    "sample",
    "deploy",
    "study",
    "view",
    "quality",
)
STEPS_ALONE = ("map", "derive", "check", "analyse", "report")
HEAVY = ("pandas", "prefect", "ibis", "great_expectations", "lifelines", "statsmodels", "duckdb", "scipy", "pyarrow")


def one_object(said: Said) -> dict[str, Any]:
    """Standard output as the one JSON object, on one line, that ``--json`` promises."""
    (line,) = said.out.splitlines()
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def interpreter(code: str, elsewhere: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own, started outside the checkout."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def folder(place: Path, **files: str) -> Path:
    """A package of one module."""
    place.mkdir(parents=True)
    for name, text in files.items():
        (place / f"{name}.py").write_text(text)
    return place


# --- help and wrong command lines ------------------------------------------------------------------------------------


def test_help_lists_every_command_and_the_documentation_has_it() -> None:
    said = command("--help")
    assert said.code == 0
    listed = said.out.split("Commands:")[1]
    assert sorted(re.findall(r"^ {2}(\w+)", listed, re.MULTILINE)) == sorted(COMMANDS)
    page = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"| `bedside {name} " not in page] == []


@pytest.mark.parametrize("name", [*COMMANDS, "study check", "quality show", "quality codes"])
def test_every_option_is_in_the_documentation(name: str) -> None:
    said = command(*name.split(), "--help")
    assert said.code == 0
    page = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    options = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", said.out, re.MULTILINE)) - {"--help"}
    assert [option for option in sorted(options) if not re.search(rf"`[^`]*{option}\b", page)] == []


def test_commands_are_added_once_however_often_one_is_called() -> None:
    """Oracle: the list a Typer application keeps of what was added to it."""
    added = []
    for _ in range(2):
        command("--version")
        added.append((len(app.registered_commands), len(app.registered_groups)))
    assert added[0] == added[1]
    assert min(added[0]) > 1


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from flows.entry import main; code = main(['--help']);"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = interpreter(code, tmp_path)
    assert "Usage: bedside" in done.stdout
    assert done.stderr.strip() == "0 []"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("cure",), "No such command 'cure'"),
        (("run",), "Missing argument 'STUDY'"),
        (("run", STUDY, "--quickly"), "No such option: --quickly"),
        (("study",), "a command is missing"),
        (("run", STUDY, "--sites", "a.toml", "--source", "b"), "give either --sites or --source, not both"),
        (("run", "no-such-study"), "no-such-study"),
        (("map", "no-such-run"), "no run found"),
        (("sample", "li2023", "--out", "x", "--patients", "many"), "Invalid value for '--patients'"),
    ],
)
def test_a_wrong_command_line_is_2_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    plain, scripted = command(*arguments), command(*arguments, "--json")
    assert plain.code == scripted.code == 2
    assert plain.err.startswith("bedside: ")
    assert sentence in plain.err
    assert plain.out == ""
    said = one_object(scripted)
    assert (said["outcome"], said["exit_code"]) == ("error", 2)
    assert list(tmp_path.iterdir()) == []


# --- what stands in the way of any command ---------------------------------------------------------------------------


@pytest.mark.parametrize("room", ["analysis", "expectations", "mappings"])
def test_a_package_that_hides_one_of_ours_is_said(tmp_path: Path, room: str) -> None:
    folder(tmp_path / "other" / room, __init__="raise SystemExit('the other package was imported')")
    done = interpreter("from flows.entry import console; console()", tmp_path, PYTHONPATH=os.fspath(tmp_path / "other"))
    assert done.returncode == 70
    assert f"another package hides Bedside's {room!r}" in done.stderr
    assert os.fspath(tmp_path / "other") in done.stderr
    assert "Traceback" not in done.stderr


def test_real_data_without_a_pseudonym_key_is_2_before_anything_is_asked(tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(STUDY, study)
    text = (study / "study.toml").read_text(encoding="utf-8")
    assert text.count('data = "synthetic"') == 1
    (study / "study.toml").write_text(text.replace('data = "synthetic"', 'data = "real"'), encoding="utf-8")
    for name in ("run", "extract", "deploy"):
        more = ("--cron", "0 2 * * *") if name == "deploy" else ("--runs", tmp_path / "runs")
        said = command(name, study, *more)
        assert said.code == 2
        assert "deidentify.pseudonym_key" in said.err
    assert not (tmp_path / "runs").exists()


# --- what commands say -----------------------------------------------------------------------------------------------


def test_plan_counts_what_the_server_has_and_makes_no_run(sample: Path, tmp_path: Path) -> None:
    said = command("extract", STUDY, "--plan", "--runs", tmp_path / "runs", "--json")
    assert said.code == 0, said.err
    (site,) = one_object(said)["sites"]
    assert (site["site"], site["scope"], site["patients"]) == ("yichang", "cohort", 29)
    have = {file.stem: len(file.read_bytes().splitlines()) for file in sample.glob("*.ndjson")}
    # Encounters from a day before the first index date only: earlier ones prove nothing.
    visits = [json.loads(line)["period"]["end"] for line in (sample / "Encounter.ndjson").read_text().splitlines()]
    have["Encounter"] = sum(end[:10] >= "2018-04-30" for end in visits)
    cohort = {row["type"]: row["count"] for row in site["searches"] if row["phase"] == "cohort"}
    assert set(cohort) >= {"Patient", "Condition", "Observation", "Procedure"}
    assert cohort == {type_: have[type_] for type_ in cohort}
    procedures = map(json.loads, (sample / "Procedure.ndjson").read_text().splitlines())
    sessions = sum(one["code"]["coding"][0]["code"] == "441525007" for one in procedures)
    (index,) = [row["count"] for row in site["searches"] if row["phase"] == "index"]
    assert 29 <= index <= sessions
    assert not (tmp_path / "runs").exists()
    plain = command("extract", STUDY, "--plan", "--runs", tmp_path / "runs")
    assert re.search(rf"cohort +Patient +1 requests +{have['Patient']} ", plain.out)
    assert "known later" in plain.out


def test_extract_says_the_ledger(sample: Path, tmp_path: Path) -> None:
    said = command("extract", STUDY, "--source", sample, "--runs", tmp_path, "--json")
    found = one_object(said)
    run = only_run(tmp_path)
    assert (said.code, found["outcome"], found["exit_code"], found["missing"]) == (0, "complete", 0, [])
    assert found["run"] == str(run.root)
    assert found["ledger"] == json.loads(run.ledger.read_text())
    assert found["ledger"]["types"]["yichang"]["Patient"]["accepted"] == 29
    assert said.err == ""


def test_study_check_and_sample_say_one_object(tmp_path: Path) -> None:
    checked = one_object(command("study", "check", STUDY, "--json"))
    assert checked["study"]["id"] == "li2023"
    assert checked["study"]["codes"] == len(tomllib.loads((STUDY / "study.toml").read_text(encoding="utf-8"))["list"])
    made = one_object(command("sample", "li2023", "--out", tmp_path, "--patients", "3", "--json"))
    assert made["resources"]["Patient"] == 3


def test_steps_on_their_own_do_what_a_run_does(finished_run: RunFolder, tmp_path: Path) -> None:
    """Each step again, by the study's id and by the run's folder; afterwards the run is as it was."""
    run = copy_run(finished_run, tmp_path)
    wanted = {p.relative_to(run.root): p.read_bytes() for p in run.root.rglob("*") if p.suffix in (".csv", ".html")}
    assert {"results.csv", "index.html", "adsl.csv", "adtte.csv"} <= {name.name for name in wanted}
    for step in STEPS_ALONE:
        named = ("li2023", "--runs", tmp_path) if step == "map" else (run.root,)
        said = command(step, *named, "--json")
        assert said.code == 0, said.err
        assert one_object(said) == {
            "outcome": "complete", "run": str(run.root), "step": step, "counts": run.read()["steps"][step],
        }  # fmt: skip
        assert run.read()["outcome"] == ("complete" if step == "report" else None)
        if step == "derive":
            refused = command("report", run.root)
            assert refused.code == 2
            assert "report needs the steps before it: check, analyse" in refused.err
    assert {name: (run.root / name).read_bytes() for name in wanted} == wanted
    assert run.read()["steps"] == finished_run.read()["steps"]


def test_run_says_one_object_and_people_read_text(finished_run: RunFolder, tmp_path: Path) -> None:
    """From a run that stood before its report, so that both are quick."""
    source = finished_run.read()["called"]["source"]

    def reported(name: str, *more: str) -> tuple[RunFolder, Said]:
        run = copy_run(finished_run, tmp_path / name)
        steps = {step: counts for step, counts in run.read()["steps"].items() if step != "report"}
        run.update(steps=steps, outcome=None, exit_code=None)
        return run, command("run", STUDY, "--direct", "--source", source, "--runs", tmp_path / name, *more)

    run, scripted = reported("json", "--json")
    found = one_object(scripted)
    assert (found["outcome"], found["exit_code"], found["missing"]) == ("complete", 0, [])
    assert (found["run"], found["report"]) == (str(run.root), str(run.report))
    assert found["steps"] == finished_run.read()["steps"]
    assert scripted.err == ""
    run, plain = reported("text")
    assert plain.out.splitlines()[-1] == f"report: {run.report}"
    with pytest.raises(json.JSONDecodeError):
        json.loads(plain.out)


def test_a_run_whose_study_has_changed_is_refused(finished_run: RunFolder, tmp_path: Path) -> None:
    run = copy_run(finished_run, tmp_path)
    run.update(inputs_sha256="0" * 64)
    said = command("map", run.root)
    assert said.code == 2
    assert "changed since this run was made" in said.err

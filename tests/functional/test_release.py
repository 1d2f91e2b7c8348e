"""A locked study from its first run to its comparison and back.

Oracles: docs/release.md; the same study with ``release = "open"``, whose figures a released run must give to the digit;
the study's arms and published P values, which nothing may show before.
"""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from tests.fixtures.sample_runs import Ran, about, ran, study_with
from tests.functional.conftest import Resource, Said, command, edited_copy, only_run, run_study

pytestmark = pytest.mark.xdist_group("release")

CUTOFF = "2020-12-31"
BY = "Dr. A. Keeper"


@pytest.fixture(scope="module")
def locked(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Ran]:
    """The folder of a run of the sample study made locked, the study, and the run. Read only."""
    place = tmp_path_factory.mktemp("locked")
    study = study_with(place, ('release = "open"', 'release = "locked"'))
    made = ran(place / "runs", "--source", sample, study=study)
    assert made.said.code == 0, made.said.err
    return place, study, made


@pytest.fixture
def own(locked: tuple[Path, Path, Ran], tmp_path: Path) -> RunFolder:
    """A copy of that run that a test may change; it is the run of the shared study."""
    shutil.copytree(locked[0] / "runs", tmp_path / "runs")
    return only_run(tmp_path / "runs")


def lock(run: RunFolder, study: Path, cutoff: str = CUTOFF, by: str = BY) -> Said:
    return command("lock", study, "--cutoff", cutoff, "--by", by, "--runs", run.root.parent.parent)


def without_one(observations: list[Resource]) -> list[Resource]:
    """An edit that takes away one observation of an analysed patient."""
    dropped = next(one for one in observations if about(one) == "P02")
    return [one for one in observations if one is not dropped]


def again(run: RunFolder, *steps: str) -> None:
    for step in steps or ("analyse", "report"):
        said = command(step, run.root)
        assert said.code == 0, said.err


def store(run: RunFolder) -> Path:
    return run.root.parent.parent.parent / "store" / "li2023"


def test_a_locked_run_tells_no_arm_from_another(locked: tuple[Path, Path, Ran]) -> None:
    made = locked[2]
    for name in ("results.csv", "results.parquet"):
        file = made.run.results / name
        table = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, keep_default_na=False)
        assert len(table) > 20
        assert not table["id"].str.contains(r"TACE|logrank|cox|\.km\.").any()
        assert set(table["group"]) <= {"total", ""}
    assert not (made.run.results / "published.json").exists()
    page = made.run.report.read_text()
    assert "MASKED" in page
    assert "0.018" not in page
    assert "MASKED: the study is locked: arms are not compared" in made.said.out
    assert "P value" not in made.said.text
    assert ",MASKED: the study is locked: arms are not compared\n" in (made.run.results / "results.csv").read_text()
    assert not (locked[0] / "store").exists(), "nobody has looked at anything"


def test_a_lock_releases_the_comparison_of_the_open_study(
    own: RunFolder, locked: tuple[Path, Path, Ran], finished_run: RunFolder
) -> None:
    said = lock(own, locked[1])
    assert said.code == 0, said.err
    again(own)
    for name in ("results.csv", "results.parquet", "published.json"):
        assert (own.results / name).read_bytes() == (finished_run.results / name).read_bytes(), name
    page = own.report.read_text()
    assert "MASKED" not in page
    assert f"nothing is signed yet; comparison released by {BY} with the data cut-off {CUTOFF}" in page


def test_each_look_is_counted_with_who_and_when(own: RunFolder, locked: tuple[Path, Path, Ran]) -> None:
    assert "MASKED: arms are not compared" in command("diff", own.root, own.root).out
    assert not store(own).exists(), "what is masked is no look"
    assert lock(own, locked[1]).code == 0
    again(own)
    assert "<dt>Times the comparison was looked at</dt><dd>2</dd>" in own.report.read_text()
    again(own, "report")
    assert "<dt>Times the comparison was looked at</dt><dd>3</dd>" in own.report.read_text()
    assert command("diff", own.root, own.root).code == 0
    lines = [json.loads(line) for line in (store(own) / "looks.ndjson").read_text().splitlines()]
    assert [(line["command"], line["run"]) for line in lines] == [
        ("analyse", own.id), ("report", own.id), ("report", own.id), ("diff", own.id),
    ]  # fmt: skip
    assert all(line["who"] and line["at"].endswith("Z") for line in lines)
    for path in (store(own), *store(own).iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_report_made_before_the_comparison_says_what_to_do(own: RunFolder, locked: tuple[Path, Path, Ran]) -> None:
    assert lock(own, locked[1]).code == 0
    again(own, "report")
    page = own.report.read_text()
    assert "MASKED" in page
    assert "after this analysis: bedside analyse compares the arms" in page
    assert not (store(own) / "looks.ndjson").exists()


def test_other_data_make_the_lock_void(
    own: RunFolder, locked: tuple[Path, Path, Ran], sample: Path, tmp_path: Path
) -> None:
    assert lock(own, locked[1]).code == 0
    runs = own.root.parent.parent
    data = edited_copy(sample, tmp_path / "data", {"Observation": without_one})
    said = run_study(runs, "--source", data, "--fresh", study=locked[1])
    assert said.code == 0, said.err
    reason = f"arms are not compared: the lock by {BY} is void, since the data of site yichang has changed"
    assert f"MASKED: {reason}" in said.out
    (newer,) = {path.parent for path in runs.glob("*/*/run.json")} - {own.root}
    assert reason in RunFolder(newer).report.read_text()
    # The run that was locked is still the one that was locked; a lock for the new data keeps the old one on record.
    again(own)
    assert "MASKED" not in own.report.read_text()
    assert lock(RunFolder(newer), locked[1], by="Another").code == 0
    kept = json.loads((store(own) / "lock.json").read_text())
    assert (kept["by"], [former["by"] for former in kept["former"]]) == ("Another", [BY])
    assert kept["former"][0]["void"] == ["the data of site yichang has changed"]


@pytest.mark.parametrize(
    ("file", "before", "after", "named"),
    [
        ("study.toml", "alpha = 0.05", "alpha = 0.01", "the study's file study.toml has changed"),
        ("codes/tace.json", "441525007", "441525009", "the study's file codes/tace.json has changed"),
    ],
)
def test_another_study_or_code_list_makes_it_void(
    sample: Path, tmp_path: Path, file: str, before: str, after: str, named: str
) -> None:
    """Of a code list: another SHA-256 is enough, the subjects need not change."""
    study = study_with(tmp_path, ('release = "open"', 'release = "locked"'))
    made = ran(tmp_path / "runs", "--source", sample, study=study)
    assert made.said.code == 0, made.said.err
    assert lock(made.run, study).code == 0
    text = (study / file).read_text()
    assert before in text or file != "study.toml"
    (study / file).write_text(text.replace(before, after) if file == "study.toml" else text + "\n")
    said = run_study(tmp_path / "runs", "--source", sample, study=study)
    assert said.code == 0, said.err
    assert f"the lock by {BY} is void, since {named}" in said.out
    assert "P value" not in said.text


def test_what_cannot_be_locked_is_refused_with_the_reason(
    own: RunFolder, locked: tuple[Path, Path, Ran], finished_run: RunFolder, tmp_path: Path
) -> None:
    study = locked[1]
    for said, sentence in (
        (lock(own, study, cutoff="2019-01-01"), f"the study's data_cutoff is {CUTOFF}, not 2019-01-01"),
        (lock(own, study, by=" "), "--by wants a name"),
        (lock(own, study, by="two\nlines"), "--by wants a name"),
        (command("lock", study, "--cutoff", CUTOFF, "--by", BY, "--runs", tmp_path / "none"), "no complete run"),
        (lock(finished_run, Path(finished_run.read()["called"]["study"])), "there is nothing to lock"),
    ):
        assert said.code == 2
        assert sentence in said.err
    assert not store(own).exists()
    assert lock(own, study).code == 0
    twice = lock(own, study)
    assert twice.code == 2
    assert f"the study is locked already, by {BY}" in twice.err
    (store(own) / "lock.json").write_text("{}")
    broken = command("report", own.root)
    assert broken.code == 2
    assert "is no lock of format 1" in broken.err


def test_a_masked_report_is_not_signed(own: RunFolder, locked: tuple[Path, Path, Ran]) -> None:
    """Nor one whose lock came after its analysis: what was computed is still masked."""
    sign = ("sign", own.root, "--by", "Dr. S. Signer", "--role", "statistician")
    for said in (command(*sign), lock(own, locked[1]), command(*sign)):
        assert said.code == (0 if said.out.startswith("locked") else 2)
        assert "the report is masked" in said.err or said.code == 0
    assert not (own.root / "signatures.json").exists()
    assert command("status", own.root).out.splitlines()[1].startswith("MASKED: comparison released by")


def test_another_look_does_not_void_a_signature_and_a_void_lock_masks_it(
    own: RunFolder, locked: tuple[Path, Path, Ran]
) -> None:
    assert lock(own, locked[1]).code == 0
    again(own)
    assert command("sign", own.root, "--by", "Dr. S. Signer", "--role", "statistician").code == 0
    again(own, "report")
    page = own.report.read_text()
    assert "<b>SIGNED</b> by Dr. S. Signer (statistician) at " in page
    assert f"; comparison released by {BY} with the data cut-off {CUTOFF}" in page
    assert "<dt>Times the comparison was looked at</dt><dd>3</dd>" in page
    (store(own) / "lock.json").unlink()
    again(own, "report")
    assert "MASKED" in own.report.read_text()
    assert "SIGNED" not in own.report.read_text()
    assert command("status", own.root).out.splitlines()[1].startswith("MASKED: the study is locked")

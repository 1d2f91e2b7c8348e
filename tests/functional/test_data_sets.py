"""ADSL, ADRS, ADTR, ADTTE and the analysis table as CSV with their dictionary, and the resources their rows name.

Oracles: the Parquet files that the run itself reads; the accepted resources on disk; docs/exports.md.
"""

from __future__ import annotations

import json
import stat
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from analysis.export.define import define
from flows.run_folder import RunFolder
from tests.conftest import REPOSITORY
from tests.fixtures.data_sets import accepted_versions, assert_described, dictionary, references_of
from tests.fixtures.sample_frames import sample_study
from tests.fixtures.sample_runs import ran
from tests.functional.conftest import Resource, edited_copy

pytestmark = pytest.mark.xdist_group("data-sets")


def versioned(resources: list[Resource]) -> list[Resource]:
    """An edit by which each resource has a version of its own."""
    for place, one in enumerate(resources, 1):
        one.setdefault("meta", {})["versionId"] = str(place)
    return resources


@pytest.fixture(scope="module")
def run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The sample study on resources with versions."""
    place = tmp_path_factory.mktemp("versions")
    types = [file.stem for file in sample.glob("*.ndjson")]
    made = ran(place / "runs", "--source", edited_copy(sample, place / "data", dict.fromkeys(types, versioned)))
    assert made.said.code == 0, made.said.err
    return made.run


def test_every_column_is_described_and_the_csv_files_hold_the_data(run: RunFolder) -> None:
    assert_described(run)
    assert [one["name"] for one in dictionary(run)["datasets"]] == [
        "ADSL", "ADRS", "ADTR", "ADEX", "ADAE", "ADTTE", "analysis_table",
    ]  # fmt: skip


def test_every_row_names_an_accepted_resource_in_its_version(run: RunFolder) -> None:
    known = accepted_versions(run)
    assert all(known.values())
    rows = references_of(run.analysis)
    assert Counter(name for name, _, _ in rows) == {"adsl": 29, "adrs": 343, "adtr": 85, "adtte": 58}
    for name, what, reference in rows:
        if reference is None:  # a best response without any assessment that counts
            assert (name, what) in {("adrs", "BOR=NE"), ("adrs", "DRVBOR=NE")}
            continue
        resource, _, version = reference.partition("/_history/")
        assert known[resource] == version, (name, what)
    kinds = {(name, str(reference).split("/")[0]) for name, _, reference in rows if reference}
    assert kinds >= {("adsl", "Procedure"), ("adrs", "Observation"), ("adtr", "Observation"), ("adtte", "Patient")}


def test_sensitivity_sets_are_there_too_and_only_their_own_censorings_name_nothing(run: RunFolder) -> None:
    known = accepted_versions(run)
    places = sorted(p for p in (run.analysis / "sensitivity").iterdir() if p.is_dir())
    assert [p.name for p in places] == ["all-treated", "censor-surgery", "censor-switch"]
    for place in places:
        assert {file.name for file in place.glob("*.csv")} == {file.name for file in run.analysis.glob("*.csv")}
        for name, what, reference in references_of(place):
            if reference is not None:
                assert reference.partition("/_history/")[0] in known
            elif name != "adrs":
                assert (name, place.name) in {("adtte", "censor-surgery"), ("adtte", "censor-switch")}, what


def test_they_are_the_owners_alone(run: RunFolder) -> None:
    for file in (*run.analysis.rglob("*.csv"), run.analysis / "define.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_every_described_column_occurs_in_a_study_that_asks_for_everything() -> None:
    """No entry of columns.toml is left over: the sample study has arms, response, lesions and endpoints."""
    entries = tomllib.loads((REPOSITORY / "analysis" / "export" / "columns.toml").read_text(encoding="utf-8"))
    made = define(sample_study())
    assert [one["file"].removesuffix(".csv") for one in made["datasets"]] == list(entries)
    for name, one in zip(entries, made["datasets"], strict=True):
        fixed = [column["name"] for column in entries[name]["columns"] if "name" in column]
        assert [column["name"] for column in one["columns"] if column["name"] in fixed] == fixed
    coded = sum("codes" in column for said in entries.values() for column in said["columns"])
    assert coded == sum(
        "codes" in column
        for name, one in zip(entries, made["datasets"], strict=True)
        for column in one["columns"]
        if column["name"] in {c.get("name") for c in entries[name]["columns"]}
    ), "a code list that columns.toml names does not exist"


def test_the_docs_show_every_column() -> None:
    """docs/data-sets.md against columns.toml, row by row."""
    page = (REPOSITORY / "docs" / "data-sets.md").read_text(encoding="utf-8")
    entries = tomllib.loads((REPOSITORY / "analysis" / "export" / "columns.toml").read_text(encoding="utf-8"))
    for name, said in entries.items():
        part = page.split(f"## {name if name == 'analysis_table' else name.upper()}\n")[1].split("\n## ")[0]
        shown = [line for line in part.splitlines() if line.startswith("| ")][1:]
        assert len(shown) == len(said["columns"])
        for line, column in zip(shown, said["columns"], strict=True):
            if "name" in column:
                cells = f"`{column['name']}`", column["label"], column["type"], column["derivation"].replace("|", "\\|")
                assert line == f"| {' | '.join(cells)} |"


def test_a_check_that_drops_subjects_is_a_reason_to_leave() -> None:
    said = define(sample_study(), {"age_plausible": "age between 0 and 120"})
    (reasons,) = (c["codes"] for c in said["datasets"][0]["columns"] if c["name"] == "EXCLRSN")
    assert reasons["age_plausible"] == "age between 0 and 120"
    assert list(reasons)[:3] == ["washout", "mixed-materials", "material-unknown"]
    assert json.loads(json.dumps(said)) == said

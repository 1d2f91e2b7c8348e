"""``bedside study prove``: the cases of the sample study hold, and none of its criteria can be lost unnoticed.

Oracle: the cases themselves, each decided by hand from the study's sentences; and mutation: whatever rule is taken out
of the study, a case must fail.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.study.model import CensorSource, Study
from flows.cli.app import invoke
from flows.study_cases import judged, mapped, prove, read_cases
from flows.study_folder import read
from mappings.errors import DefinitionError, UnusableDataError

STUDY = Path(__file__).resolve().parents[2] / "studies" / "li2023"
FOLDER = read(STUDY)
CASES = read_cases(FOLDER)
assert isinstance(FOLDER.study, Study)
MAIN: Study = FOLDER.study
CENSORS = [(e, c) for e, endpoint in enumerate(MAIN.endpoint) for c in range(len(endpoint.censors))]


@pytest.fixture(scope="module")
def tables() -> Iterator[tuple[Any, dict[str, Any]]]:
    with mapped(CASES) as made:
        yield made


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sample study without its sample data, to be changed."""
    return Path(shutil.copytree(STUDY, tmp_path / "study", ignore=shutil.ignore_patterns("sample", "*.csv")))


def failing(study: Study, tables: tuple[Any, dict[str, Any]]) -> list[str]:
    return [verdict.name for verdict in judged(FOLDER, study, CASES, *tables) if verdict.differences]


def test_every_case_of_the_sample_study_holds(tables: tuple[Any, dict[str, Any]]) -> None:
    assert len(CASES) >= 12
    assert failing(MAIN, tables) == []


def test_every_step_of_the_flow_diagram_has_a_case() -> None:
    left = {case.expect.leaves for case in CASES}
    assert {criterion.id for criterion in MAIN.criterion} <= left
    assert {"washout", "mixed-materials", "material-unknown", "not-screened"} <= left


@pytest.mark.parametrize("criterion", [one.id for one in MAIN.criterion])
def test_a_criterion_taken_out_fails_a_case(criterion: str, tables: tuple[Any, dict[str, Any]]) -> None:
    kept = tuple(one for one in MAIN.criterion if one.id != criterion)
    broken = failing(MAIN.model_copy(update={"criterion": kept}), tables)
    assert {case.name for case in CASES if case.expect.leaves == criterion} & set(broken)


@pytest.mark.parametrize(("endpoint", "source"), CENSORS)
def test_a_censor_source_replaced_fails_a_case(endpoint: int, source: int, tables: tuple[Any, dict[str, Any]]) -> None:
    one = MAIN.endpoint[endpoint]
    censors = list(one.censors)
    censors[source] = CensorSource(at="cutoff", desc="End")
    endpoints = list(MAIN.endpoint)
    endpoints[endpoint] = one.model_copy(update={"censors": tuple(censors)})
    assert failing(MAIN.model_copy(update={"endpoint": tuple(endpoints)}), tables)


def test_a_whole_resource_does_what_a_short_record_does(copy: Path) -> None:
    shutil.rmtree(copy / "cases")
    (copy / "cases").mkdir()
    shutil.copy(STUDY / "cases" / "base.toml", copy / "cases")
    lung = {
        "resourceType": "Condition",
        "id": "lung",
        "subject": {"reference": "Patient/patient"},
        "verificationStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]
        },
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "94391008"}]},
        "onsetDateTime": "2019-02-01",
    }
    case = {"text": "as JSON", "like": "base", "resource": [lung], "expect": {"leaves": "extrahepatic"}}
    (copy / "cases" / "lung.json").write_text(json.dumps(case))
    folder = read(copy)
    assert [verdict.differences for verdict in prove(folder, read_cases(folder))] == [(), ()]


def test_a_case_that_fails_is_4_and_said(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (copy / "cases").glob("*"):
        if path.name != "base.toml":
            path.unlink()
    base = copy / "cases" / "base.toml"
    base.write_text(base.read_text().replace('response = "PR"', 'response = "CR"').replace("day = 199,", "day = 198,"))
    with pytest.raises(UnusableDataError, match="1 of 1 cases do not hold"):
        invoke(["study", "prove", str(copy)])
    out = capsys.readouterr().out
    assert "✗ fails  base" in out
    assert "best response: PR; expected: CR" in out
    assert "OS day: 199.0; expected: 198" in out
    assert invoke(["study", "prove", str(copy), "--json"]) == 4
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["exit_code"], said["cases"][0]["holds"]) == ("error", 4, False)


FAULTS = {
    "unknown key": ("sex = ", "sexx = ", r"cases/base.toml:\d+: patient.sexx: unknown key: did you mean 'sex'"),
    "no such list": ('list = "ecog"', 'list = "ecogg"', r"cases/base.toml:\d+: record\[5\].list: no \[list.ecogg\]"),
    "no such arm": ('arm = "DEB"', 'arm = "DEBB"', r"cases/base.toml:\d+: expect.arm: must be one of DEB, CTACE"),
    "no such reason": ("analysed = true", 'leaves = "ecgo"', r"expect.leaves: no subject can leave there.*'ecog'"),
    "two fates": ("analysed = true", 'analysed = true\nleaves = "ecog"', "say either analysed = true or leaves"),
    "no such endpoint": ("OS = {", "DFS = {", r"expect.endpoint.DFS: must be one of PFS, OS"),
    "no such level": ('value = "A"', 'value = "Z"', "value: map child-pugh gives no 'Z'"),
    "like nothing": ("index = 2019", 'like = "bas"\nindex = 2019', "like: names no case"),
    "like itself": ("index = 2019", 'like = "base"\nindex = 2019', "like: leads back to itself"),
    "no type": ("[patient]", '[[resource]]\nid = "x"\n[patient]', r"resource\[0\]: needs a resourceType"),
    "a slip in a day": ("day = -600", "day = -6000000", r"record\[0\].day: must be at least -40000"),
    "no TOML": ("[patient]", "[patient", r"cases/base.toml:\d+"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_case_is_named_with_file_and_line(fault: str, copy: Path) -> None:
    old, new, sentence = FAULTS[fault]
    base = copy / "cases" / "base.toml"
    text = base.read_text()
    assert old in text
    for path in (copy / "cases").glob("*"):
        path.unlink()
    base.write_text(text.replace(old, new, 1))
    with pytest.raises(DefinitionError, match=sentence):
        read_cases(read(copy))


def test_a_study_without_cases_says_so(copy: Path) -> None:
    shutil.rmtree(copy / "cases")
    with pytest.raises(DefinitionError, match="the study has no cases"):
        read_cases(read(copy))

"""What a cohort that cannot be compared gets, what cannot be estimated, and a wrong study file: a clear sentence and an
exit code. Oracle: the list "What bad input gets" in issue 3 and the exit codes of the design; what was changed in the
sample says what must be found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.sample_runs import about, ran, study_with
from tests.functional.conftest import Resource, edited_copy, run_study


def no_tace(resources: list[Resource]) -> list[Resource]:
    return [one for one in resources if "-tace-" not in one["id"]]


def no_tace_completed(resources: list[Resource]) -> list[Resource]:
    for one in resources:
        if "-tace-" in one["id"]:
            one["status"] = "not-done"
    return resources


def no_oil(resources: list[Resource]) -> list[Resource]:
    return [
        one
        for one in resources
        if not ("-tace-" in one["id"] and any("oil" in used["reference"] for used in one.get("usedReference", [])))
    ]


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (no_tace, "cohort is empty"),
        (no_tace_completed, "no patient has a procedure of the list 'tace' with an accepted status"),
        (no_oil, "no subject is analysed in arm cTACE"),
    ],
    ids=["no procedure", "none completed", "one arm"],
)
def test_an_empty_cohort_or_arm_is_4(
    sample: Path, tmp_path: Path, edit: Callable[[list[Resource]], list[Resource]], sentence: str
) -> None:
    data = edited_copy(sample, tmp_path / "data", {"Procedure": edit})
    found = ran(tmp_path / "runs", "--source", data)
    assert found.said.code == 4, found.said.text
    assert sentence in found.said.err
    assert not found.run.report.exists()


def test_what_cannot_be_estimated_is_ne_with_the_reason(sample: Path, tmp_path: Path) -> None:
    """Nobody dies, and nobody of DEB-TACE progresses: no OS events, no PFS median there, and no finite hazard ratio."""
    deb = tuple(f"P{n}" for n in range(12, 23))
    progression, stable = ("http://loinc.org", "LA28370-7"), ("http://loinc.org", "LA28371-5")

    def patients(resources: list[Resource]) -> list[Resource]:
        for one in resources:
            one.pop("deceasedDateTime", None)
        return resources

    def observations(resources: list[Resource]) -> list[Resource]:
        kept = [one for one in resources if not one["id"].endswith("-vital-status")]
        for one in kept:
            if about(one) in deb and "-response-" in one["id"]:
                for coding in one["valueCodeableConcept"]["coding"]:
                    if (coding["system"], coding["code"]) == progression or "PD" in coding.get("display", ""):
                        coding["system"], coding["code"] = stable
        return kept

    data = edited_copy(sample, tmp_path / "data", {"Patient": patients, "Observation": observations})
    found = ran(tmp_path / "runs", "--source", data)
    assert found.said.code == 0, found.said.err
    results = found.results().set_index("id")
    events = results.query("statistic == 'n' and variable == 'events'")
    assert events.loc[events["parameter"] == "OS", "value"].sum() == 0
    assert events.loc[(events["parameter"] == "PFS") & (events["group"] == "DEB-TACE"), "value"].sum() == 0
    for parameter, variable, group in (
        ("OS", "logrank", "DEB-TACE vs cTACE"),
        ("OS", "median", "cTACE"),
        ("OS", "cox_univariate", "DEB-TACE vs cTACE"),
        ("PFS", "median", "DEB-TACE"),
        ("PFS", "cox_univariate", "DEB-TACE vs cTACE"),
    ):
        of = (results["parameter"] == parameter) & (results["variable"] == variable) & (results["group"] == group)
        rows = results[of]
        rows = rows[rows["statistic"].isin(["p", "hr", "estimate"])]
        # Firth's penalised model is there for just this; where nobody has an event it has no ratio either.
        firth = rows["method"].str.endswith("_firth")
        assert rows.loc[firth, "value"].notna().all() == (parameter == "PFS" or not firth.any()), (parameter, variable)
        rows = rows[~firth]
        assert len(rows), (parameter, variable)
        assert rows["value"].isna().all(), (parameter, variable)
        assert rows["warning"].str.match(r"NE: \w").all(), (parameter, variable)


def test_a_typo_in_the_study_file_is_2_with_line_and_field(tmp_path: Path) -> None:
    study = study_with(tmp_path, ('take = "first" ', 'take = "frist" '), ("washout_days = 180", "washuot_days = 180"))
    lines = (study / "study.toml").read_text().splitlines()
    said = run_study(tmp_path / "runs", study=study)
    assert said.code == 2
    for field, text in (("index.take", 'take = "frist"'), ("index.washuot_days", "washuot_days")):
        (line,) = [n for n, one in enumerate(lines, start=1) if one.startswith(text)]
        assert any(f"study.toml:{line}: {field}: " in told for told in said.err.splitlines()), said.err
    assert not (tmp_path / "runs").exists()

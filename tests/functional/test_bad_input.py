"""What bad input gets: a clear sentence, an exit code, and nothing lost. Oracle: the list of that name in issue 3 and
the exit codes of the design; what was changed in the sample says what must be found."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.derive.pseudonym import usubjid
from flows.job import PUBLIC_KEY
from flows.run_folder import RunFolder
from flows.sample import write_sample
from tests.fixtures.faulty_server import HTML, Answer, Fault, always, faulty_server, second_page, with_next
from tests.functional.conftest import STUDY, Resource, Said, edited_copy, only_run, run_study

SITE = "yichang"
FEW = ("P01", "P02", "P03", "P12", "P13", "P14")
CANARY = "canary-7f3a"
ONE_RUN = pytest.mark.xdist_group("bad-input")  # these read the same run


@dataclass(frozen=True)
class Ran:
    """A finished command with the run folder that it left."""

    said: Said
    run: RunFolder

    def flow(self) -> dict[str, float]:
        rows = self.results().query("parameter == 'flow' and group == 'total'")
        return dict(zip(rows["variable"], rows["value"], strict=True))

    def results(self) -> pd.DataFrame:
        return pd.read_csv(self.run.results / "results.csv", keep_default_na=False, na_values={"value": [""]})

    def subject(self, patient: str) -> dict[Any, Any]:
        adsl = pd.read_parquet(self.run.analysis / "adsl.parquet")
        (row,) = adsl[adsl["USUBJID"] == usubjid(PUBLIC_KEY, SITE, patient)].to_dict("records")
        return row

    def ledger(self) -> Any:
        return json.loads(self.run.ledger.read_text())


def ran(runs: Path, *arguments: object, study: Path = STUDY) -> Ran:
    said = run_study(runs, *arguments, study=study)
    return Ran(said, only_run(runs))


def about(resource: Resource) -> str:
    """The patient a resource of the sample is about: its ids begin with the patient's."""
    return str(resource["id"]).split("-")[0]


def only(patients: tuple[str, ...]) -> Callable[[list[Resource]], list[Resource]]:
    return lambda resources: [one for one in resources if about(one) in patients]


def day_of(procedure: Resource) -> date:
    moment = procedure.get("performedDateTime") or procedure["performedPeriod"]["start"]
    return date.fromisoformat(moment[:10])


def tace_sessions(data: Path) -> dict[str, list[date]]:
    """The days of the completed sessions of each patient, straight from the resources."""
    days: dict[str, list[date]] = {}
    for line in (data / "Procedure.ndjson").read_text().splitlines():
        procedure = json.loads(line)
        if procedure["code"]["coding"][0]["code"] == "441525007" and procedure["status"] == "completed":
            days.setdefault(about(procedure), []).append(day_of(procedure))
    return days


def study_with(tmp_path: Path, *changes: tuple[str, str], added: str = "") -> Path:
    """A copy of the study folder with pieces of the study file replaced."""
    folder = tmp_path / "li2023"
    shutil.copytree(STUDY, folder)
    file = folder / "study.toml"
    text = file.read_text()
    for before, after in changes:
        assert text.count(before) == 1
        text = text.replace(before, after)
    file.write_text(text + added)
    return folder


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


# --- servers ---------------------------------------------------------------------------------------------------------


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


# --- resources -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def messy(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of the sample with an invalid resource, answers nobody knows, and a subject with both materials."""

    def observations(resources: list[Resource]) -> list[Resource]:
        for one in resources:
            if one["id"] == "P02-ecog-later":
                one["effectiveDateTime"] = CANARY
            if one["id"] == "P17-child-pugh":
                one["valueCodeableConcept"] = {"coding": [{"system": "urn:unknown", "code": CANARY}]}
        return resources

    def procedures(resources: list[Resource]) -> list[Resource]:
        for one in resources:
            if one["id"] == "P16-tace-1":
                one["usedReference"].append({"reference": "Substance/P01-oil-1"})
        return resources

    folder = tmp_path_factory.mktemp("messy")
    ids = [json.loads(line)["id"] for line in (sample / "Observation.ndjson").read_text().splitlines()]
    assert {"P02-ecog-later", "P17-child-pugh"} <= set(ids)
    data = edited_copy(sample, folder / "data", {"Observation": observations, "Procedure": procedures})
    return ran(folder / "runs", "--source", data)


@ONE_RUN
def test_an_invalid_resource_is_quarantined_and_the_run_goes_on(messy: Ran) -> None:
    assert messy.said.code == 0, messy.said.err
    ledger = messy.ledger()
    assert ledger["balanced"]
    counts = ledger["types"][SITE]["Observation"]
    assert (counts["quarantined"], counts["accepted"]) == (1, counts["landed"] - 1)
    kept = (messy.run.quarantine(SITE) / "Observation.ndjson").read_text()
    assert json.loads(kept)["id"] == "P02-ecog-later"
    (outcome,) = (messy.run.quarantine(SITE) / "OperationOutcome.ndjson").read_text().splitlines()
    (issue,) = json.loads(outcome)["issue"]
    assert issue["expression"] == ["Observation.effectiveDateTime"]
    assert "effectiveDateTime" in issue["diagnostics"]
    assert CANARY not in outcome


@ONE_RUN
def test_an_unknown_code_is_counted_by_reason(messy: Ran) -> None:
    assert messy.said.code == 0
    counts = pd.read_parquet(messy.run.analysis / "counts.parquet")
    unmapped = counts[counts["reason"].str.contains("child_pugh")]
    assert list(unmapped["n"]) == [1]
    assert messy.subject("P17")["EXCLRSN"] == "insufficient-data"
    assert unmapped["reason"].iloc[0] in messy.run.report.read_text()


@ONE_RUN
def test_materials_of_both_arms_on_the_index_day_exclude_by_name(messy: Ran) -> None:
    assert messy.said.code == 0
    subject = messy.subject("P16")
    assert (subject["EXCLRSN"], subject["ANL01FL"]) == ("mixed-materials", "N")
    flow = messy.flow()
    assert (flow["screened"], flow["mixed-materials"], flow["insufficient-data"]) == (29, 1, 4)
    assert flow["analysed"] == 20


@ONE_RUN
def test_no_value_of_a_patient_is_said_anywhere_but_in_the_data(messy: Ran) -> None:
    assert CANARY not in messy.said.text
    told = [messy.run.report, messy.run.ledger, messy.run.root / "run.json", *messy.run.results.glob("*")]
    assert [file.name for file in told if CANARY.encode() in file.read_bytes()] == []


@pytest.mark.xdist_group("sample-run")
def test_of_several_sessions_the_first_is_the_index(finished_run: RunFolder, sample: Path) -> None:
    sessions = tace_sessions(sample)
    assert max(map(len, sessions.values())) > 1
    done = Ran(Said(0, "", ""), finished_run)
    for patient, days in sessions.items():
        subject = done.subject(patient)
        assert subject["TRTSDT"].date() == min(days)
        assert subject["N_SESSIONS"] == len(days)


# --- death before the procedure --------------------------------------------------------------------------------------


def dead_the_day_before(data: Path, patient: str) -> dict[str, Callable[[list[Resource]], list[Resource]]]:
    died = date.fromordinal(min(tace_sessions(data)[patient]).toordinal() - 1).isoformat()

    def patients(resources: list[Resource]) -> list[Resource]:
        for one in resources:
            if one["id"] == patient:
                one["deceasedDateTime"] = died
        return resources

    def observations(resources: list[Resource]) -> list[Resource]:
        return [one for one in resources if one["id"] != f"{patient}-vital-status"]

    return {"Patient": patients, "Observation": observations}


@pytest.mark.parametrize("by", ["stop_above_percent", "actions"])
def test_death_before_the_procedure_is_5_where_the_study_makes_it_stop(sample: Path, tmp_path: Path, by: str) -> None:
    data = edited_copy(sample, tmp_path / "data", dead_the_day_before(sample, "P15"))
    stop = '\n[checks]\nstop_above_percent = 50\nactions = { death_not_before_index = "stop" }\n'
    study = STUDY if by == "stop_above_percent" else study_with(tmp_path, added=stop)
    found = ran(tmp_path / "runs", "--source", data, study=study)
    assert found.said.code == 5
    (told,) = [line for line in found.said.err.splitlines() if "death_not_before_index" in line]
    assert ("1 of 29 screened" if by == "stop_above_percent" else "(screened): 1 of ") in told
    checks = pd.read_parquet(found.run.checks).set_index("check_id")
    assert checks.loc["death_not_before_index", "status"] == "FAIL"
    assert not found.run.results.exists()


def test_death_before_the_procedure_of_one_among_many_is_dropped_by_name(tmp_path: Path) -> None:
    write_sample("li2023", tmp_path / "large", patients=60, seed=3)
    patient = "S0000003"  # with this seed no criterion excludes this one
    data = edited_copy(tmp_path / "large", tmp_path / "data", dead_the_day_before(tmp_path / "large", patient))
    found = ran(tmp_path / "runs", "--source", data)
    assert found.said.code == 0, found.said.err
    flow = found.flow()
    assert flow["death_not_before_index"] == 1
    excluded = sum(n for name, n in flow.items() if name not in ("screened", "analysed", "excluded"))
    assert flow["screened"] == flow["analysed"] + excluded
    assert found.subject(patient)["EXCLRSN"] == "death_not_before_index"
    assert "death_not_before_index" in found.run.report.read_text()
    assert patient not in found.said.text


# --- cohorts that cannot be compared ---------------------------------------------------------------------------------


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


# --- what cannot be estimated ----------------------------------------------------------------------------------------


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
        assert len(rows), (parameter, variable)
        assert rows["value"].isna().all(), (parameter, variable)
        assert rows["warning"].str.match(r"NE: \w").all(), (parameter, variable)


# --- study file ------------------------------------------------------------------------------------------------------


def test_a_typo_in_the_study_file_is_2_with_line_and_field(tmp_path: Path) -> None:
    study = study_with(tmp_path, ('take = "first" ', 'take = "frist" '), ("washout_days = 180", "washuot_days = 180"))
    lines = (study / "study.toml").read_text().splitlines()
    said = run_study(tmp_path / "runs", study=study)
    assert said.code == 2
    for field, text in (("index.take", 'take = "frist"'), ("index.washuot_days", "washuot_days")):
        (line,) = [n for n, one in enumerate(lines, start=1) if one.startswith(text)]
        assert any(f"study.toml:{line}: {field}: " in told for told in said.err.splitlines()), said.err
    assert not (tmp_path / "runs").exists()

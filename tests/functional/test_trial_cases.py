"""``bedside study prove`` on the three public trials: their cases hold, and no rule of theirs can be lost unnoticed.

Oracle: the cases, each decided by hand from the study's sentences; and mutation: whatever is taken out of the study, a
case must fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from analysis.cases.load import LoadedCase
from analysis.study.model import CensorSource, EventSource, Study
from flows.study_cases import judged, mapped, read_cases
from flows.study_folder import StudyFolder, read

STUDIES = Path(__file__).resolve().parents[2] / "studies"
FOLDERS = {name: read(STUDIES / name) for name in ("gbsg2", "veteran", "pbc")}
MAIN: dict[str, Study] = {name: one.study for name, one in FOLDERS.items() if isinstance(one.study, Study)}
# An event that no case has from day 1 on: it stands where the only event of an endpoint is taken out.
NEVER = {"gbsg2": "tumour-size", "veteran": "karnofsky", "pbc": "albumin"}

CRITERIA = [(name, c.id) for name, study in MAIN.items() for c in study.criterion]
EVENTS = [(name, n) for name, study in MAIN.items() for n in range(len(study.endpoint[0].events))]

pytestmark = pytest.mark.xdist_group("trial-cases")

Proof = tuple[StudyFolder, list[LoadedCase], Any, dict[str, Any]]


@pytest.fixture(scope="module")
def proofs() -> Iterator[dict[str, Proof]]:
    cases = {name: read_cases(folder) for name, folder in FOLDERS.items()}
    with ExitStack() as open_:
        made = {name: open_.enter_context(mapped(one)) for name, one in cases.items()}
        yield {name: (FOLDERS[name], cases[name], *made[name]) for name in FOLDERS}


def failing(study: Study, proof: Proof) -> set[str]:
    folder, cases, *tables = proof
    return {verdict.name for verdict in judged(folder, study, cases, *tables) if verdict.differences}


def endpoint_with(study: Study, **changes: Any) -> Study:
    return study.model_copy(update={"endpoint": (study.endpoint[0].model_copy(update=changes),)})


@pytest.mark.parametrize("name", list(MAIN))
def test_every_case_holds_and_every_criterion_has_one(name: str, proofs: dict[str, Proof]) -> None:
    assert failing(MAIN[name], proofs[name]) == set()
    assert {c.id for c in MAIN[name].criterion} <= {case.expect.leaves for case in proofs[name][1]}


@pytest.mark.parametrize(("name", "criterion"), CRITERIA)
def test_a_criterion_taken_out_fails_its_case(name: str, criterion: str, proofs: dict[str, Proof]) -> None:
    kept = tuple(one for one in MAIN[name].criterion if one.id != criterion)
    broken = failing(MAIN[name].model_copy(update={"criterion": kept}), proofs[name])
    assert {case.name for case in proofs[name][1] if case.expect.leaves == criterion} & broken


@pytest.mark.parametrize(("name", "place"), EVENTS)
def test_an_event_source_taken_out_fails_a_case(name: str, place: int, proofs: dict[str, Proof]) -> None:
    events = list(MAIN[name].endpoint[0].events)
    events[place] = EventSource.model_validate({"list": NEVER[name], "desc": "Never"})
    assert failing(endpoint_with(MAIN[name], events=tuple(events)), proofs[name])


def test_a_competing_event_taken_out_fails_its_case(proofs: dict[str, Proof]) -> None:
    assert "transplanted" in failing(endpoint_with(MAIN["pbc"], competing=()), proofs["pbc"])


@pytest.mark.parametrize("name", list(MAIN))
def test_a_censor_source_replaced_fails_a_case(name: str, proofs: dict[str, Proof]) -> None:
    censors = (CensorSource(at="cutoff", desc="End"),)
    assert failing(endpoint_with(MAIN[name], censors=censors), proofs[name])


@pytest.mark.parametrize("name", list(MAIN))
def test_arms_changed_over_fail_a_case(name: str, proofs: dict[str, Proof]) -> None:
    first, second = MAIN[name].arm
    arms = (first.model_copy(update={"all_": second.all_}), second.model_copy(update={"all_": first.all_}))
    assert failing(MAIN[name].model_copy(update={"arm": arms}), proofs[name])

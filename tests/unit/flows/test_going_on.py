"""When a run goes on and when it may not. Oracle: issue 3 (an incomplete site is not analysed, the rest is; no site:
the source's own error) and docs/command-line.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from flows import pipeline, run_folder, steps
from flows.job import Job, prepare
from flows.progress import silent
from flows.run_folder import RunFolder
from flows.sites import Site
from mappings.errors import BedsideError, DefinitionError, IncompleteError, SourceError
from tests.conftest import REPOSITORY

STUDY = REPOSITORY / "studies" / "li2023"
NORTH, SOUTH = "north", "south"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    sites = tmp_path / "sites.toml"
    sites.write_text("".join(f'[[site]]\nid = "{name}"\nfolder = "{name}"\n' for name in (NORTH, SOUTH)))
    return prepare(STUDY, sites=sites, runs=tmp_path / "runs")


@pytest.fixture
def run(job: Job) -> RunFolder:
    return pipeline.open_run(job)


class Asked:
    """A caller whose sites answer as said and whose steps are only noted."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.called = answers, []  # type: tuple[dict[str, Any], list[str]]

    def one(self, name: str, work: Callable[..., Any], /, *arguments: Any) -> Any:
        self.called.append(name)

    def each(self, name: str, work: Callable[[Site], Any], sites: Sequence[Site], /) -> list[Any]:
        return [self.answers[site.id] for site in sites]


def test_one_site_that_fails_does_not_keep_the_others() -> None:
    def work(site: Site) -> str:
        if site.id == NORTH:
            raise SourceError("north cannot be reached")
        return site.id

    done = pipeline.Direct().each("extract", work, [Site(id=name, folder=name) for name in (NORTH, SOUTH)])
    assert isinstance(done[0], SourceError)
    assert done[1] == SOUTH


def test_a_defect_is_not_taken_for_a_site_that_fails() -> None:
    def work(_site: Site) -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        pipeline.Direct().each("extract", work, [Site(id=NORTH, folder="x")])


@pytest.mark.parametrize(
    ("answers", "raised"),
    [
        ({NORTH: SourceError("north: 401"), SOUTH: SourceError("south: 401")}, "north: 401"),
        ({NORTH: SourceError("north: 401"), SOUTH: DefinitionError("another plan")}, "another plan"),
        ({NORTH: BedsideError("a defect"), SOUTH: SourceError("south: 401")}, "a defect"),
    ],
    ids=["no site", "a wrong folder goes first", "a defect goes first"],
)
def test_no_site_is_the_sources_own_error(job: Job, run: RunFolder, answers: dict[str, Any], raised: str) -> None:
    caller = Asked(answers)
    wanted = next(error for error in answers.values() if str(error) == raised)
    with pytest.raises(type(wanted), match=raised):
        pipeline.run(job, run, silent, caller)
    assert (run.read()["outcome"], run.read()["exit_code"]) == ("failed", wanted.exit_code)
    assert caller.called == []


def missing_at(run: RunFolder, monkeypatch: pytest.MonkeyPatch, sites: dict[str, list[str]], usable: list[str]) -> None:
    monkeypatch.setattr(steps, "note_extracts", lambda *_: run.update(missing=sites))
    monkeypatch.setattr(steps, "usable_sites", lambda _run: usable)


ALL_STEPS = ["accept", "map", "derive", "check", "analyse", "report"]


def test_the_sites_that_landed_whole_are_analysed_and_the_run_is_6(
    job: Job, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing_at(run, monkeypatch, {SOUTH: ["page 3 of search 7"]}, [NORTH])
    caller = Asked({NORTH: object(), SOUTH: SourceError("gone")})
    outcome = pipeline.run(job, run, silent, caller)
    assert caller.called == ALL_STEPS
    assert (outcome.exit_code, outcome.missing) == (6, ("south: page 3 of search 7",))
    assert run.read()["outcome"] == "incomplete"
    assert not (run.root.parent / "latest").exists()


def test_no_site_that_landed_whole_is_6_and_nothing_is_analysed(
    job: Job, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing_at(run, monkeypatch, {NORTH: ["page 1"], SOUTH: ["page 3"]}, [])
    caller = Asked({NORTH: object(), SOUTH: object()})
    with pytest.raises(IncompleteError, match=r"north: page 1\n  south: page 3\nnothing is analysed"):
        pipeline.run(job, run, silent, caller)
    assert caller.called == ["accept"]
    assert (run.read()["outcome"], run.read()["exit_code"]) == ("incomplete", 6)


def test_nothing_missing_is_0_and_the_latest(job: Job, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    missing_at(run, monkeypatch, {}, [NORTH, SOUTH])
    outcome = pipeline.run(job, run, silent, Asked({NORTH: object(), SOUTH: object()}))
    assert (outcome.exit_code, outcome.missing) == (0, ())
    assert (run.root.parent / "latest").read_text() == f"{run.id}\n"


@pytest.mark.parametrize(
    ("said", "done", "called"),
    [
        ({}, "check", ["analyse", "report"]),
        ({"held": {SOUTH: ["a check"]}}, "check", ["check", "analyse", "report"]),
        ({"overridden": [{"check": "a check"}]}, "check", ["check", "analyse", "report"]),
        ({"held": {SOUTH: ["a check"]}}, "analyse", ["report"]),
    ],
    ids=["nothing to decide", "held", "overridden", "the comparison is made"],
)
def test_what_the_gate_decided_is_decided_again_before_the_comparison(
    job: Job, run: RunFolder, said: dict[str, Any], done: str, called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An override may have been given, or have expired, since the run was cut off."""
    missing_at(run, monkeypatch, {}, [NORTH, SOUTH])
    for name in ["extract", *ALL_STEPS[: ALL_STEPS.index(done) + 1]]:
        run.step_done(name, {})
    run.update(**said)
    caller = Asked({NORTH: object(), SOUTH: object()})
    pipeline.run(job, run, silent, caller)
    assert caller.called == called


def test_a_run_at_work_elsewhere_is_not_touched(job: Job, run: RunFolder) -> None:
    with run.held(), pytest.raises(DefinitionError, match="another command is at work"):
        pipeline.run(job, run, silent, Asked({}))
    assert run.read()["outcome"] is None


def test_an_unfinished_run_is_gone_on_with_unless_asked_for_a_fresh_one(job: Job, run: RunFolder) -> None:
    assert pipeline.open_run(job) == run
    fresh = prepare(STUDY, sites=Path(str(job.called["sites"])), runs=job.runs, fresh=True)
    assert pipeline.open_run(fresh) != run
    assert run_folder.unfinished(job.runs, "li2023", run.read()["inputs_sha256"]) is not None

"""Extracts from servers that misbehave by seeded schedules. Oracle: the folder that is served, and what each script
allows to be true (``flows.sandbox.faults.truth``): what landed is what is served, or the manifest names every type that
is short.

``BEDSIDE_SCHEDULES`` says how many schedules of each kind there are to be (15 unless set).
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.plan import Plan
from flows.client.retry import RetryRules
from flows.landing.connect import connect
from flows.landing.extract import extract_from
from flows.landing.manifest import Manifest
from flows.sandbox.access import Access
from flows.sandbox.clock import Clock
from flows.sandbox.faults import Script, schedule, truth_of
from flows.sandbox.faults.truth import Truth
from flows.sandbox.server import Limits, sandbox
from flows.sites import Site
from mappings.errors import SourceError
from tests.fixtures.extract_process import PLANS, TYPES
from tests.fixtures.small_hospital import write_hospital

SCHEDULES = int(os.environ.get("BEDSIDE_SCHEDULES", "15"))
BESIDE = frozenset({"OperationOutcome", "Bundle", "Unknown"})
"""What the side files of an export are named by where they cannot be read."""

Lines = dict[str, Counter[bytes]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_hospital(folder)
    return folder


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_SOAK_TOKEN", "soak")


def lines(folder: Path) -> Lines:
    found: Lines = defaultdict(Counter)
    for file in folder.glob("[A-Z]*.ndjson"):
        found[file.name.split(".")[0]].update(map(_compact, file.read_bytes().splitlines()))
    return found


def _compact(line: bytes) -> bytes:
    try:
        return json.dumps(json.loads(line)).encode()
    except ValueError:  # landed for quarantine
        return line


def extract(base: str, plan: Plan, folder: Path) -> Manifest:
    site = Site.model_validate(
        {"id": "north", "base": base, "page_size": 7, "limits": {"parallel": 3}}
        | {"auth": {"kind": "bearer", "token": "env:BEDSIDE_SOAK_TOKEN"}}
    )
    client = connect(site, rules=RetryRules(give_up_after=10), sleep=lambda _: None)
    try:
        return extract_from(site, plan, client, folder)
    finally:
        client.close()


def judged(script: Script, scope: str, served: Path, folder: Path) -> str:
    """What came of one schedule, held against its truth."""
    truth = truth_of(script)
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
    limits, access = Limits(page_size=7), Access.bearer("soak")
    with sandbox(served, access=access, limits=limits, clock=clock, faults=script) as running:
        try:
            manifest = extract(running.base, PLANS[scope], folder)
        except SourceError:
            assert not truth.complete
            return "no source"
        happened = bool(running.faults and running.faults.happened)
    return held_against(truth, script, scope, served, folder, manifest) + ("" if happened else ", nothing happened")


def held_against(truth: Truth, script: Script, scope: str, served: Path, folder: Path, manifest: Manifest) -> str:
    """Whether the landing is what the schedule allows; how it ended."""
    have, landed = lines(served), lines(folder)
    named = {missing.type for missing in manifest.missing}
    short = {type_ for type_ in TYPES if have[type_] - landed[type_]}
    assert all(count.balanced for count in manifest.types.values())
    assert manifest.complete == (not named)
    if manifest.complete:
        assert short == set()
    else:
        assert not truth.complete
        assert all(truth.may_doubt(type_) for type_ in named - BESIDE)
        # Whoever is not known to be of the cohort, or not known to be referred to, cannot be asked about.
        unknown = set(TYPES) if scope == "cohort" and "Procedure" in named else set()
        # An error file says that something failed, and not always what.
        assert named & BESIDE or short <= named | unknown
    if not any(fault.what in ("wrong-type", "invalid-line") for fault in script.faults):
        assert not any(landed[type_] - have[type_] for type_ in TYPES)
    return "complete" if manifest.complete else "incomplete"


@pytest.mark.timeout(3600 if SCHEDULES > 100 else 300)
@pytest.mark.parametrize("losing", [False, True], ids=["transient", "losing"])
@pytest.mark.parametrize("scope", ["population", "cohort"])
def test_landed_is_served_or_what_is_missing_is_named(served: Path, tmp_path: Path, scope: str, losing: bool) -> None:
    ends: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        script = schedule(seed, types=TYPES, losing=losing)
        try:
            ends[judged(script, scope, served, tmp_path / f"{seed}")] += 1
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}: {script.as_json()}") from error
    print(scope, "losing" if losing else "transient", dict(ends))
    assert ends["complete"] > 0
    assert losing or not any(end.startswith("incomplete") for end in ends)

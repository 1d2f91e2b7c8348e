"""Extracts from servers that misbehave by seeded schedules. Oracle: the folder that is served, and what each script
allows to be true (``flows.sandbox.faults.truth``): what landed is what is served, or the manifest names every type that
is short.

``BEDSIDE_SCHEDULES`` says how many schedules of each kind there are to be (15 unless set).
"""

from __future__ import annotations

import os
from collections import Counter
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
from flows.sandbox.server import Limits, sandbox
from flows.sites import Site
from mappings.errors import SourceError
from tests.fixtures.extract_process import PLANS, TYPES
from tests.fixtures.small_hospital import write_hospital
from tests.fixtures.soak import assert_right, served_lines

SCHEDULES = int(os.environ.get("BEDSIDE_SCHEDULES", "15"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_hospital(folder)
    return folder


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_SOAK_TOKEN", "soak")


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
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
    limits, access = Limits(page_size=7), Access.bearer("soak")
    with sandbox(served, access=access, limits=limits, clock=clock, faults=script) as running:
        try:
            manifest = extract(running.base, PLANS[scope], folder)
        except SourceError:
            assert not truth_of(script).complete
            return "no source"
        happened = bool(running.faults and running.faults.happened)
    assert_right(script, running.faults, scope, served_lines(served), folder, manifest)
    return ("complete" if manifest.complete else "incomplete") + ("" if happened else ", nothing happened")


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

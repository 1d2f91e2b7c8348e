"""Extracts from servers that misbehave by seeded schedules, killed at random moments, the same command made again until
it ends. Oracle: the folder that is served, and what each script allows to be true (``tests.fixtures.soak``).

Each of the two alone, schedules and kills, has missed what only both together bring about: an index that was half there
when the process died, a part of a search that failed before a kill and not after it.

``BEDSIDE_KILLED_SCHEDULES`` says how many schedules of each kind there are to be (3 unless set).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.landing.manifest import read_manifest
from flows.sandbox.access import Access
from flows.sandbox.clock import Clock
from flows.sandbox.faults import Script, schedule, truth_of
from flows.sandbox.server import Limits, sandbox
from tests.fixtures.extract_process import TYPES
from tests.fixtures.killed_extracts import KILLED, Extracts, extracts_made
from tests.fixtures.page_limit import PageLimit
from tests.fixtures.small_hospital import write_hospital
from tests.fixtures.soak import Lines, assert_right, served_lines

SCHEDULES = int(os.environ.get("BEDSIDE_KILLED_SCHEDULES", "3"))
MOST_KILLS = 4
NO_SOURCE = 3  # mappings.errors.SourceError
TRIES = 12
"""So often the command is made again where it ends with exit 3: by then no fault that comes a few times is left."""


@dataclass(frozen=True)
class Asking:
    """How the server is asked, and after how many pages of a search it refuses more (0: never)."""

    plan: str
    search: dict[str, Any] = field(default_factory=dict)
    pages: int = 0


ASKING = {
    "whole types": Asking("population"),
    "patients in chunks": Asking("cohort", {"ids_per_request": 8}),
    "one patient a search": Asking("cohort", {"ids_per_request": 1}),
    "whole types cut short": Asking("population", {"cursor": True}, pages=3),
    "index cut short": Asking("cohort", {"cursor": True, "ids_per_request": 5}, pages=3),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_hospital(folder)
    return folder


@pytest.fixture(scope="module")
def extracts() -> Iterator[Extracts]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BEDSIDE_SOAK_TOKEN", "soak")
        with extracts_made() as made:
            yield made


class Soak:
    """Schedules played against one way of asking; ``ends`` counts what came of them."""

    def __init__(self, extracts: Extracts, asking: Asking, served: Path, folder: Path) -> None:
        self.extracts, self.asking, self.served, self.folder = extracts, asking, served, folder
        self.lines: Lines = served_lines(served)
        self.ends: Counter[str] = Counter()
        self.kills = self.went_on = 0
        self.took = 0.0

    def play(self, script: Script, name: str) -> None:
        """Extract until it ends, killed a few times on the way, and hold what came of it against the truth."""
        folder, limit = self.folder / name, PageLimit(self.asking.pages)
        moments = random.Random(name)
        clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
        limits, access = Limits(page_size=7), Access.bearer("soak")
        with sandbox(
            self.served, access=access, limits=limits, clock=clock, faults=script, wrap=limit.around
        ) as running:
            limit.state = running.state
            for _ in range(moments.randint(1, MOST_KILLS) if self.took else 0):
                ended = self.extract(running.base, folder, moments.uniform(0.001, 1.2 * self.took))
                assert ended in (0, KILLED, NO_SOURCE)
                if ended == 0:
                    break
                self.kills += ended == KILLED
                self.went_on += any((folder / "unfinished").glob("search-*"))
            began = time.monotonic()
            ended = next((0 for _ in range(TRIES) if self.extract(running.base, folder) == 0), NO_SOURCE)
            self.took = self.took or time.monotonic() - began
        manifest = read_manifest(folder)
        if ended == NO_SOURCE:
            assert not truth_of(script).complete
            self.ends["no source"] += 1
            return
        assert manifest is not None
        assert_right(script, running.faults, self.asking.plan, self.lines, folder, manifest)
        self.ends["complete" if manifest.complete else "incomplete"] += 1

    def extract(self, base: str, folder: Path, seconds: float | None = None) -> int:
        site = {"page_size": 7, "auth": {"kind": "bearer", "token": "env:BEDSIDE_SOAK_TOKEN"}}
        search = {"search": self.asking.search}
        ended = self.extracts(base, folder, seconds, plan=self.asking.plan, site={**site, **search})
        assert ended in (0, KILLED, NO_SOURCE)
        return ended


@pytest.mark.timeout(7200 if SCHEDULES > 20 else 300)
@pytest.mark.parametrize("losing", [False, True], ids=["transient", "losing"])
@pytest.mark.parametrize("how", ASKING)
def test_killed_under_faults_landed_is_served_or_what_is_missing_is_named(
    extracts: Extracts, served: Path, tmp_path: Path, how: str, losing: bool
) -> None:
    soak = Soak(extracts, ASKING[how], served, tmp_path)
    soak.play(Script(), "undisturbed")
    assert soak.ends == {"complete": 1}
    for seed in range(SCHEDULES):
        script = schedule(seed, types=TYPES, losing=losing)
        try:
            soak.play(script, f"{seed}")
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}: {script.as_json()}") from error
    print(
        f"{how}, {'losing' if losing else 'transient'}: {dict(soak.ends)}, {soak.kills} kills, {soak.went_on} gone on with"
    )
    assert soak.kills > 0
    assert losing or set(soak.ends) == {"complete"}

"""Extracts that are killed again and again while the server misbehaves by a seeded schedule. Oracle: the folder that is
served, and what each script allows to be true, as in ``test_extract_soak.py``; both methods, search and export.

Each alone missed what the two together find: a kill after a fault has left half an answer.
``BEDSIDE_SCHEDULES`` says how many schedules of each kind there are to be (4 unless set).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.landing.manifest import read_manifest
from flows.sandbox.access import Access
from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.clock import Clock
from flows.sandbox.faults import schedule, truth_of
from flows.sandbox.faults.schedules import BULK, SEARCH
from flows.sandbox.server import Limits, sandbox
from tests.conftest import REPOSITORY
from tests.fixtures.extract_process import TYPES
from tests.fixtures.small_hospital import write_hospital
from tests.functional.test_extract_soak import held_against

SCHEDULES = int(os.environ.get("BEDSIDE_SCHEDULES", "4"))
MOST_KILLS = 6
LONGEST = {"search": 0.04, "bulk": 0.1}
"""Seconds until a kill, at most: about what an extract takes."""
NO_SOURCE = 3
TOKEN = "BEDSIDE_KILLED_SOAK_TOKEN"
KINDS = {"search": SEARCH, "bulk": (*BULK, *SEARCH)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_hospital(folder)
    return folder


class Extracts:
    """The process that makes extracts; ``seconds`` after which one is killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, order: dict[str, Any], seconds: float | None) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**order, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def extracts() -> Iterator[Extracts]:
    command = [sys.executable, "-m", "tests.fixtures.extract_process"]
    environment = {**os.environ, TOKEN: "soak"}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Extracts(process)
        assert process.stdin is not None
        process.stdin.close()


def order_of(base: str, folder: Path, scope: str, method: str) -> dict[str, Any]:
    site = {"auth": {"kind": "bearer", "token": f"env:{TOKEN}"}, "page_size": 7, "method": method}
    return {"base": base, "folder": str(folder), "plan": scope, "site": site, "give_up_after": 10}


@pytest.mark.timeout(3600 if SCHEDULES > 50 else 300)
@pytest.mark.parametrize("losing", [False, True], ids=["transient", "losing"])
@pytest.mark.parametrize("scope", ["population", "cohort"])
@pytest.mark.parametrize("method", ["search", "bulk"])
def test_killed_and_misled_nothing_is_lost_in_silence(
    served: Path, extracts: Extracts, tmp_path: Path, method: str, scope: str, losing: bool
) -> None:
    ends: Counter[str] = Counter()
    kills = 0
    for seed in range(SCHEDULES):
        chance = random.Random(f"{seed} {method} {scope} {losing}")
        script = schedule(seed, KINDS[method], types=TYPES, losing=losing)
        truth, folder = truth_of(script), tmp_path / f"{seed}"
        settings = BulkSettings(polls=1, retry_after="0", lines_per_file=20)
        serving = sandbox(
            served,
            access=Access.bearer("soak"),
            limits=Limits(page_size=7),
            bulk=settings,
            clock=Clock(datetime(2026, 1, 1, tzinfo=UTC)),
            faults=script,
        )
        with serving as running:
            order = order_of(running.base, folder, scope, method)
            ended = -signal.SIGALRM
            for _ in range(MOST_KILLS):
                ended = extracts(order, chance.uniform(0.001, LONGEST[method]))
                if ended != -signal.SIGALRM:
                    break
                kills += 1
            if ended == -signal.SIGALRM:
                ended = extracts(order, None)
        try:
            if ended == NO_SOURCE:
                assert not truth.complete
                ends["no source"] += 1
                continue
            assert ended == 0
            manifest = read_manifest(folder)
            assert manifest is not None
            ends[held_against(truth, script, scope, served, folder, manifest)] += 1
            assert not [left.name for left in folder.iterdir() if left.name in ("unfinished", ".export")]
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}: {script.as_json()}") from error
    print(method, scope, "losing" if losing else "transient", f"{kills} kills", dict(ends))
    assert kills > 0
    assert ends["complete"] > 0
    assert losing or set(ends) == {"complete"}

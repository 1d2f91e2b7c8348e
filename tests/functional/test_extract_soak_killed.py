"""Extracts from servers that misbehave by seeded schedules, killed at random moments, the same command made again until
it ends. Oracle: the folder that is served, and what each script allows to be true (``tests.fixtures.soak``).

Each of the two alone, schedules and kills, has missed what only both together bring about: an index that was half there
when the process died, a part of a search that failed before a kill and not after it.

``BEDSIDE_KILLED_SCHEDULES`` says how many schedules of each kind there are to be (2 unless set).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.sandbox.faults.schedules import SEARCH
from tests.fixtures.killed_extracts import Extracts
from tests.fixtures.small_hospital import write_hospital
from tests.fixtures.soak_played import Asking, Soak, extracts_with_token

SCHEDULES = int(os.environ.get("BEDSIDE_KILLED_SCHEDULES", "2"))

ASKING = {
    "whole types": Asking("population"),
    "patients in chunks": Asking("cohort", {"search": {"ids_per_request": 8}}),
    "one patient a search": Asking("cohort", {"search": {"ids_per_request": 1}}),
    "whole types cut short": Asking("population", {"search": {"cursor": True}}, pages=3),
    "index cut short": Asking("cohort", {"search": {"cursor": True, "ids_per_request": 5}}, pages=3),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_hospital(folder, compact=True)
    return folder


@pytest.fixture(scope="module")
def extracts() -> Iterator[Extracts]:
    with extracts_with_token() as made:
        yield made


@pytest.mark.timeout(7200 if SCHEDULES > 20 else 300)
@pytest.mark.parametrize("how", ASKING)
def test_killed_under_faults_landed_is_served_or_what_is_missing_is_named(
    extracts: Extracts, served: Path, tmp_path: Path, how: str
) -> None:
    soak = Soak(extracts, ASKING[how], served, tmp_path)
    soak.play_schedules(SCHEDULES, SEARCH)
    print(f"{how}: {soak}")
    assert soak.kills > 0

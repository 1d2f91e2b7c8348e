"""Killed at random moments and gone on with. Oracle: the landing of an extract that nobody disturbed, byte for byte.

``BEDSIDE_KILLS`` says how many kills there are to be (40 unless set).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.sandbox.server import serve
from tests.fixtures.killed_extracts import KILLED, Extracts, extracts_made
from tests.fixtures.small_hospital import RESOURCES, write_hospital

KILLS = int(os.environ.get("BEDSIDE_KILLS", "40"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    write_hospital(folder)
    with serve(folder) as base:
        yield base


@pytest.fixture(scope="module")
def extracts() -> Iterator[Extracts]:
    with extracts_made() as made:
        yield made


def landing(folder: Path) -> dict[str, bytes]:
    """Everything but the log, whose lines hold times."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name != "log.ndjson"}


def test_landing_after_kills_is_that_of_an_undisturbed_extract(extracts: Extracts, served: str, tmp_path: Path) -> None:
    assert extracts(served, tmp_path / "warm") == 0
    began = time.monotonic()
    assert extracts(served, tmp_path / "undisturbed") == 0
    took = time.monotonic() - began
    expected = landing(tmp_path / "undisturbed")
    assert json.loads(expected["manifest.json"])["complete"]
    assert sum(len(content.splitlines()) for name, content in expected.items() if name.endswith(".ndjson")) == RESOURCES

    random_ = random.Random(20261127)
    kills = rounds = went_on = 0
    while kills < KILLS:
        folder = tmp_path / f"killed-{rounds}"
        while (ended := extracts(served, folder, random_.uniform(0.001, took))) != 0:
            assert ended == KILLED
            kills += 1
            # The manifest comes last but for tidying up.
            whole = (folder / "manifest.json").exists()
            assert not whole or landing(folder) == expected
        rounds += 1
        events = [json.loads(line) for line in (folder / "log.ndjson").read_text().splitlines()]
        went_on += any("gone on" in str(event["eventDetail"]) for event in events)
        assert len({event["exportId"] for event in events}) <= 1 + sum(e["eventId"] == "kickoff" for e in events)
        assert landing(folder) == expected
        assert not (folder / "unfinished").exists()
    assert went_on > 0
    print(f"{kills} kills in {rounds} extracts, {went_on} of them gone on with")

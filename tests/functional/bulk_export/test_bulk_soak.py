"""Exports from servers that misbehave by seeded schedules, left alone and killed at random moments. Oracle: the folder
that is served, and what each script allows to be true (``tests.fixtures.soak``).

The servers differ from schedule to schedule too: lines a file, pages of the manifest, ranges, validators, gzip.
``BEDSIDE_BULK_SCHEDULES`` says how many schedules of each kind there are to be (2 unless set).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.faults.schedules import BULK
from tests.fixtures.killed_extracts import Extracts
from tests.fixtures.small_hospital import write_hospital
from tests.fixtures.soak_played import Asking, Soak, extracts_with_token

SCHEDULES = int(os.environ.get("BEDSIDE_BULK_SCHEDULES", "2"))


def server(name: str) -> BulkSettings:
    """How the server of a schedule exports."""
    chance = random.Random(f"server:{name}")
    return BulkSettings(
        lines_per_file=chance.choice((5, 11, 10_000)),
        polls=chance.randint(0, 3),
        retry_after=chance.choice((None, "0", "1", "99999999")),
        relative_location=chance.random() < 0.3,
        expired_status=chance.choice((404, 410)),
        validators=chance.choice(("both", "etag", "last-modified", "none")),
        ranges=chance.random() < 0.7,
        compress=chance.random() < 0.5,
        counts=chance.choice(("number", "text")),
        manifest_files=chance.choice((None, 2)),
        continues_in_file=chance.random() < 0.3,
        error_name=chance.choice(("error", "outcome")),
        empty_lists=chance.random() < 0.5,
        delete_status=chance.choice((202, 404)),
        reuse_equal=chance.random() < 0.3,
    )


ASKING = {
    "system": Asking("population", {"method": "bulk"}, exporting=server),
    # Devices are no part of it: they are asked for by search.
    "patients": Asking("cohort", {"method": "bulk", "bulk": {"level": "patient"}}, exporting=server),
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
@pytest.mark.parametrize("killed", [False, True], ids=["alone", "killed"])
@pytest.mark.parametrize("how", ASKING)
def test_exported_is_served_or_what_is_missing_is_named(
    extracts: Extracts, served: Path, tmp_path: Path, how: str, killed: bool
) -> None:
    soak = Soak(extracts, ASKING[how], served, tmp_path, most_kills=4 if killed else 0)
    soak.play_schedules(SCHEDULES, BULK)
    print(f"{how}: {soak}")
    assert (soak.kills > 0) == killed

"""Incremental equals full, row for row. Oracle: a fresh extract of everything from the same server, after each of many
random histories' steps.

``BEDSIDE_HISTORIES`` says how many histories there are to be of each kind (4 unless set).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from flows.landing.fates import REASONS
from tests.fixtures.changing_hospital import COHORT, OVERLAP_S, POPULATION, History
from tests.functional.incremental.conftest import Ward

HISTORIES = int(os.environ.get("BEDSIDE_HISTORIES", "4"))
STEPS = 6

KINDS = {
    "cohort by lists of ids": (COHORT, {"deletions": "id-lists"}, True),
    "cohort by history": (COHORT, {"deletions": "history"}, False),
    "population by history": (POPULATION, {"deletions": "history"}, False),
    "population by lists of ids": (POPULATION, {"deletions": "id-lists"}, True),
    "one type always refetched": (COHORT, {"refetch": ["Procedure", "Device"]}, True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_snapshot_after_each_step_is_a_fresh_extract(kind: str, wards: Callable[..., Ward]) -> None:
    plan, settings, far = KINDS[kind]
    happened: Counter[str] = Counter()
    for seed in range(HISTORIES):
        happened += follow(wards(plan, overlap_s=OVERLAP_S, **settings), seed, far)
    # All that may become of a resource did become of some.
    assert set(happened) >= {"added", "changed", "deleted", "since"}
    assert plan.scope == "population" or set(happened) >= {"left", "unreferenced"}
    print(dict(happened))


def follow(ward: Ward, seed: int, far: bool) -> Counter[str]:
    history = History(ward.server, seed, far=far)
    happened: Counter[str] = Counter()
    for step in range(STEPS):
        manifest = ward.since()
        assert manifest.complete, manifest.missing
        assert ward.landed() == ward.whole(), f"seed {seed}, step {step}"
        assert manifest.incremental is not None
        (applied,) = manifest.incremental["applied"]
        assert (step > 0) or not applied["since"]
        happened["since"] += len(applied["since"])
        for counts in applied["types"].values() if step else ():
            happened.update({name: counts[name] for name in (*REASONS, "added", "changed") if counts[name]})
        history.change()
    return happened

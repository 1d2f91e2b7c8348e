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
from tests.fixtures.faulty_server import Answer
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


class Busy:
    """Lets a hospital change while it is being asked, now and then."""

    def __init__(self) -> None:
        self.history: History | None = None
        self.changes = 0

    def __call__(self, path: str, answer: Answer) -> Answer:
        if self.history is not None and self.history.random.random() < 0.1:
            self.history.change()
            self.changes += 1
        return answer


def test_what_changes_during_an_extract_is_there_after_the_next(wards: Callable[..., Ward]) -> None:
    changes = 0
    for seed in range(HISTORIES):
        busy = Busy()
        ward = wards(COHORT, fault=busy, overlap_s=OVERLAP_S)
        history = History(ward.server, seed)
        ward.since()
        for step in range(STEPS):
            busy.history = history
            # Days pass within an extract here: the kick-off is told by the clock that stamps the resources.
            ward.since(now=ward.server.clock.now)
            busy.history = None
            assert ward.since().complete
            assert ward.landed() == ward.whole(), f"seed {seed}, step {step}"
        changes += busy.changes
    assert changes > HISTORIES
    print(f"{changes} changes under way")

"""Incremental extracts killed at random moments and made again. Oracle: a fresh extract of everything for what is
landed in the end, and the two states on either side of a publication for what lies in the store at any moment.

``BEDSIDE_KILLS`` says how many kills there are to be (30 unless set).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows.landing.snapshot import read_snapshot
from flows.store import Store
from tests.fixtures.changing_hospital import History
from tests.fixtures.killed_extracts import KILLED, extracts_made
from tests.functional.incremental.conftest import Ward, lines

KILLS = int(os.environ.get("BEDSIDE_KILLS", "30"))
STRIDE = int(os.environ.get("BEDSIDE_CRASH_STRIDE", "8"))
"""Every how manyeth write fails; with 1, every one does, which takes half a minute."""
CHANGES_THE_DISK = ("fsync", "replace", "rename", "link", "unlink", "rmdir")


def test_a_killed_extract_leaves_the_old_snapshot_or_the_new_one(ward: Ward) -> None:
    random_ = random.Random(20261128)
    history = History(ward.server, 20261128)
    with extracts_made() as extracts:
        extract = partial(extracts, ward.server.base, ward.folder / "landing", store=ward.store.folder)
        assert extract() == 0
        began = time.monotonic()
        assert extract() == 0
        took = time.monotonic() - began
        kills = rounds = went_on = 0
        while kills < KILLS:
            history.change()
            rounds += 1
            while (ended := extract(random_.uniform(0.001, 2 * took))) != 0:
                assert ended == KILLED
                kills += 1
                before = ward.state.extracts
                assert_whole(ward.store)
                went_on += any((ward.store.deltas / ward.store.name_of(before + 1)).glob("unfinished"))
            assert ward.landed() == ward.whole()
            assert_whole(ward.store)
            assert lines(ward.store.snapshots / ward.state.snapshot) == ward.landed()
            assert [path.name for path in ward.store.snapshots.iterdir() if path.is_dir()] == [ward.state.snapshot]
            assert not list(ward.store.deltas.glob("*/working.sqlite*"))
    assert went_on > 0
    print(f"{kills} kills in {rounds} rounds; {went_on} left an extract unfinished")


def assert_whole(store: Store) -> None:
    """The snapshot that the state names lies there as it was written."""
    state = store.read()
    assert state is not None
    snapshot = read_snapshot(store.snapshots / state.snapshot)
    assert snapshot.sha256 == state.sha256
    for file in snapshot.files:
        content = (snapshot.folder / file.name).read_bytes()
        assert (len(content), content.count(b"\n")) == (file.bytes, file.lines)
    assert_kept(store.deltas, state.deltas)


def assert_kept(deltas: Path, names: tuple[str, ...]) -> None:
    """Every delta that the snapshot stands on is kept, with its manifest."""
    for name in names:
        assert json.loads((deltas / name / "manifest.json").read_bytes())["complete"]


class CrashError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("method", ["search", "bulk"])
def test_a_crash_at_any_write_loses_nothing(method: str, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call that changes the disk for good fails once, the first of them, then the second, and so on."""
    ward.more = {"method": method}
    history = History(ward.server, 7)
    ward.since()
    crashes = 0
    with monkeypatch.context() as patched:
        left = [0]
        for name in CHANGES_THE_DISK:
            patched.setattr(os, name, _failing(getattr(os, name), left))
        crashed = True
        while crashed:
            history.change()
            crashes += 1
            left[0], crashed = crashes * STRIDE, False
            try:
                ward.since()
            except CrashError:
                crashed = True
            left[0] = 0
            assert_whole(ward.store)
    assert ward.since().complete
    assert ward.landed() == ward.whole()
    assert crashes > 10 // STRIDE + 5
    print(f"{crashes} crashes")


def test_what_an_extract_changes_on_disk_does_not_grow_with_the_deltas_kept(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.screen("p1")
    for _ in range(3):
        ward.since()
    calls: list[str] = []
    for name in CHANGES_THE_DISK:
        monkeypatch.setattr(os, name, _counted(getattr(os, name), name, calls))
    counts = []
    for _ in range(4):
        calls.clear()
        ward.since()
        counts.append(len(calls))
    assert counts[0] > 0
    assert len(set(counts)) == 1


def _counted(call: Callable[..., Any], name: str, calls: list[str]) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        return call(*arguments, **named)

    return counted


def _failing(call: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def failing(*arguments: Any, **named: Any) -> Any:
        if left[0]:
            left[0] -= 1
            if not left[0]:
                raise CrashError
        return call(*arguments, **named)

    return failing

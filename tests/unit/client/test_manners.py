"""Limits kept by several processes together. Oracle: the limits as stated."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flows.client.manners import Manners, folder_of
from tests.conftest import REPOSITORY


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_first_request_waits_for_nothing_and_the_next_ones_keep_apart(tmp_path: Path) -> None:
    for folder in (tmp_path, None):
        clock = Clock()
        manners = Manners(4, folder=folder, clock=clock, sleep=clock.sleep)
        for _ in range(5):
            manners.turn()
            clock.sent.append(clock.now)
        assert clock.sent == pytest.approx([1000.0, 1000.25, 1000.5, 1000.75, 1001.0])
        clock.now += 9
        manners.turn()
        assert clock.now == pytest.approx(1010.0)  # no credit is saved up


def test_two_processes_share_the_turns(tmp_path: Path) -> None:
    """Two sets of manners over one folder are two processes to each other."""
    clock = Clock()
    one, two = (Manners(2, folder=tmp_path, clock=clock, sleep=clock.sleep) for _ in range(2))
    for each in (one, two, one, two):
        each.turn()
        clock.sent.append(clock.now)
    assert clock.sent == pytest.approx([1000.0, 1000.5, 1001.0, 1001.5])


def test_turn_from_before_the_machine_was_started_anew_is_no_turn(tmp_path: Path) -> None:
    clock = Clock()
    Manners(1, folder=tmp_path, clock=clock, sleep=clock.sleep).turn()
    early = Clock()
    early.now = 5.0  # the clock began again, far before the turn that is written down
    clock.now = 1e6
    Manners(1, folder=tmp_path, clock=clock, sleep=clock.sleep).turn()
    Manners(1, folder=tmp_path, clock=early, sleep=early.sleep).turn()
    assert early.now == 5.0


HOLDER = """
import sys, pathlib
from flows.client.manners import Manners
with Manners(None, 2, folder=pathlib.Path(sys.argv[1])).slot():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_parallel_requests_are_counted_over_processes_and_given_back_by_a_killed_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        others = [
            stack.enter_context(subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe)) for _ in range(2)
        ]
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
        waits = 0

        def kill_one(_: float) -> None:
            nonlocal waits
            waits += 1
            others[0].kill()
            others[0].wait()

        with Manners(None, 2, folder=tmp_path, sleep=kill_one).slot():
            assert waits >= 1  # both were taken


@pytest.mark.parametrize("shared", [True, False])
def test_threads_are_held_to_the_number_at_a_time(tmp_path: Path, shared: bool) -> None:
    manners = Manners(None, 3, folder=tmp_path if shared else None, sleep=lambda _: None)
    lock, under_way, most = threading.Lock(), 0, 0

    def one() -> None:
        nonlocal under_way, most
        for _ in range(20):
            with manners.slot():
                with lock:
                    under_way += 1
                    most = max(most, under_way)
                with lock:
                    under_way -= 1

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 3


def test_folder_that_cannot_be_written_to_leaves_each_process_to_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    clock = Clock()
    manners = Manners(2, 1, folder=tmp_path / "file" / "below", clock=clock, sleep=clock.sleep)
    for _ in range(2):
        manners.turn()
        clock.sent.append(clock.now)
    assert clock.sent == pytest.approx([1000.0, 1000.5])


def test_folder_is_the_servers_own_and_names_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    north, south = folder_of("https://north.example:443"), folder_of("https://south.example:443")
    assert north != south
    assert north.is_relative_to(tmp_path)
    assert "north" not in str(north)


def test_no_limit_never_waits_and_leaves_no_file(tmp_path: Path) -> None:
    clock = Clock()
    manners = Manners(folder=tmp_path / "server", clock=clock, sleep=clock.sleep)
    for _ in range(5):
        with manners.slot():
            manners.turn()
    assert clock.now == 1000.0
    assert not (tmp_path / "server").exists()

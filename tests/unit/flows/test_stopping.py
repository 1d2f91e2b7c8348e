"""Signals reach every thread. Oracle: Python's rule that only the main thread hears them, which this undoes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from flows import stopping


@pytest.fixture(autouse=True)
def _afterwards() -> Iterator[None]:
    yield
    with stopping.heard():  # forgets the stop
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wait_in_another_thread_ends_with_the_signal(number: signal.Signals) -> None:
    waiting, stopped = threading.Event(), threading.Event()

    def work() -> None:
        waiting.set()
        try:
            stopping.sleep(600)
        except KeyboardInterrupt:
            stopped.set()

    def main() -> None:
        with stopping.heard():
            threading.Thread(target=work, daemon=True).start()
            assert waiting.wait(60)
            os.kill(os.getpid(), number)
            threading.Event().wait(60)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        main()
    assert stopped.wait(60)
    with pytest.raises(KeyboardInterrupt):
        stopping.check()
    assert signal.getsignal(number) is before


def test_who_heard_the_signal_before_hears_it_still() -> None:
    def main() -> None:
        with stopping.heard():
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(60)

    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with pytest.raises(KeyboardInterrupt):
            main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_without_a_signal_nothing_is_stopped_and_other_threads_may_not_listen() -> None:
    def listen() -> None:
        with stopping.heard():
            done.append(signal.getsignal(signal.SIGTERM))

    done: list[object] = []
    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    with stopping.heard():
        stopping.check()
        stopping.sleep(0)
    assert done == [signal.getsignal(signal.SIGTERM)]

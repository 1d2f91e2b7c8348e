"""Ctrl-C and SIGTERM reach every thread: a wait of minutes ends at once, and what a stop leaves behind is tidied up.

Python tells only the main thread of a signal, and by default nobody of SIGTERM: a thread that waits for a server's
export would wait on, and the export would run on there.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_asked = threading.Event()
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def check() -> None:
    """Raise KeyboardInterrupt when a stop has been asked for."""
    if _asked.is_set():
        raise KeyboardInterrupt


def sleep(seconds: float) -> None:
    """Wait; a stop asked for meanwhile ends it with KeyboardInterrupt."""
    if _asked.wait(seconds):
        raise KeyboardInterrupt


@contextmanager
def heard() -> Iterator[None]:
    """Hear both signals while this lasts. Who heard them before hears them still, after every thread has been told.

    Outside the main thread, where nobody may listen, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked.clear()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        signal.signal(number, _telling(handler))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _telling(before: Any) -> Callable[[int, FrameType | None], None]:
    def told(number: int, frame: FrameType | None) -> None:
        if before is signal.SIG_IGN:
            return
        _asked.set()
        if callable(before):
            before(number, frame)
        raise KeyboardInterrupt

    return told

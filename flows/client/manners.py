"""Good manners towards a server, kept together by all threads and processes of this user on this machine.

How fast requests may follow each other, and how many may be under way, is agreed on through locked files in a folder
for each server; a lock ends with its process, however that ends. Where no such folder can be had each process keeps
the limits by itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_TURN = struct.Struct("<d")
# A turn further ahead than anybody could be waiting for was written before the machine was started anew.
_FURTHEST = 3_600.0
_LOOK_AGAIN = 0.05


def folder_of(origin: str) -> Path:
    """Where the processes of this user agree on one server (XDG base directories)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "bedside" / "servers" / hashlib.blake2b(origin.encode(), digest_size=12).hexdigest()


class Manners:
    """At most ``per_second`` requests a second and ``parallel`` at a time; ``None`` is no limit.

    ``folder`` is shared by every process that asks the same server; ``None`` or one that cannot be written to: the
    limits hold in this process. ``clock`` must be one for the whole machine (``time.monotonic`` is).
    """

    def __init__(
        self,
        per_second: float | None = None,
        parallel: int | None = None,
        *,
        folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._parallel = per_second, parallel
        self._clock, self._sleep = clock, sleep
        self._folder = _usable(folder) if per_second is not None or parallel is not None else None
        self._lock = threading.Lock()
        self._turn = clock() - (1 / per_second if per_second else 0)
        self._slots = threading.Semaphore(parallel or 1)

    def turn(self) -> None:
        """Wait until the next request may be sent."""
        if self._rate is None:
            return
        now = self._clock()
        if self._folder is None:
            with self._lock:
                turn = self._turn = max(now, self._turn + 1 / self._rate)
        else:
            turn = self._next_turn(self._folder / "turn", now, 1 / self._rate)
        if turn > now:
            self._sleep(turn - now)

    @staticmethod
    def _next_turn(path: Path, now: float, apart: float) -> float:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            said = os.pread(handle, _TURN.size, 0)
            last = _TURN.unpack(said)[0] if len(said) == _TURN.size else now - apart
            turn: float = max(now, last + apart)
            if turn - now > _FURTHEST:
                turn = now
            os.pwrite(handle, _TURN.pack(turn), 0)
            return turn
        finally:
            os.close(handle)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for the right to have a request under way, and hold it until its answer is read."""
        if self._parallel is None:
            yield
        elif self._folder is None:
            with self._slots:
                yield
        else:
            handle = self._take_slot(self._folder, self._parallel)
            try:
                yield
            finally:
                os.close(handle)

    def _take_slot(self, folder: Path, slots: int) -> int:
        """The open handle of a slot's locked file; closing it gives the slot back."""
        while True:
            for n in range(slots):
                handle = os.open(folder / f"slot-{n}", os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return handle
                except BlockingIOError:
                    os.close(handle)
            # Not all at one moment, else the same ones would come too late each time.
            self._sleep(_LOOK_AGAIN * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


def _usable(folder: Path | None) -> Path | None:
    """The folder, if files in it can be written and locked."""
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / "turn", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        finally:
            os.close(handle)
    except OSError:
        return None
    return folder

"""Progress on long work: bars with counts on a terminal, plain lines elsewhere, nothing with ``--json``.

Everything that works long takes a ``Progress``: a callable (label, done, total or None). Labels name sites, types and
steps, never a patient.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Say that ``done`` of ``total`` (None: unknown) of the work called ``label`` is finished."""

    def __call__(self, label: str, done: int, total: int | None, /) -> None: ...


def silent(label: str, done: int, total: int | None, /) -> None:
    """A progress that shows nothing."""


@contextmanager
def shown(quiet: bool = False) -> Iterator[Progress]:
    """Give a progress for the whole of a command, on standard error."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _Lines()


class _Lines:
    """For logs: a line when a piece of work ends, and now and then while it goes on."""

    every_seconds = 5.0

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, label: str, done: int, total: int | None, /) -> None:
        with self._lock:
            now = time.monotonic()
            ended = total is not None and done >= total
            if ended or now - self._last.get(label, now - 2 * self.every_seconds) >= self.every_seconds:
                self._last[label] = now
                count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
                print(f"  {label}: {count}", file=sys.stderr, flush=True)


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}
        lock = threading.Lock()

        def progress(label: str, done: int, total: int | None, /) -> None:
            with lock:
                if label not in tasks:
                    tasks[label] = bars.add_task(label, total=total)
                bars.update(tasks[label], completed=done, total=total)  # type: ignore[arg-type]

        yield progress

"""The sandbox's own time: it runs as the machine's, and a test can set it, so that nothing has to be waited for."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time (UTC). ``Clock(instant)`` stands still at that instant until it is set or moved on."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._ahead = timedelta(0)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time, cut to milliseconds as FHIR servers keep it."""
        with self._lock:
            moment = self._at if self._at is not None else datetime.now(UTC) + self._ahead
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def set(self, at: datetime) -> None:
        """Stand still at ``at``, which has a time zone."""
        with self._lock:
            self._at = at.astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Move on (or back) by so many seconds: pages, files and jobs grow old without waiting."""
        with self._lock:
            if self._at is not None:
                self._at += timedelta(seconds=seconds)
            else:
                self._ahead += timedelta(seconds=seconds)


def instant(moment: datetime) -> str:
    """A moment as a FHIR instant in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

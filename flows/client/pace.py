"""Good manners towards a server: how fast requests may follow each other, shared by all threads of a site."""

from __future__ import annotations

import threading
from collections.abc import Callable


class TokenBucket:
    """At most ``per_second`` requests a second on average, in bursts of at most ``burst``. ``None`` is no limit."""

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        burst: int = 1,
    ) -> None:
        self._rate, self._clock, self._sleep = per_second, clock, sleep
        self._burst = float(max(1, burst))
        self._tokens, self._at = self._burst, clock()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait for the right to send one request. The wait is outside the lock; the place in the queue is kept."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            self._tokens -= 1
            wait = max(0.0, -self._tokens / self._rate)
        if wait:
            self._sleep(wait)

"""When to ask again, and after how long."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_exponential,
    wait_random,
)
from tenacity.stop import stop_base

from flows.client.faults import TransientFault

RETRIED_STATUSES = frozenset({408, 425, 429})


def worth_retrying(status: int) -> bool:
    """5xx, and those 4xx that speak of time rather than of the request."""
    return status >= 500 or status in RETRIED_STATUSES


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """The wait a server asks for, in seconds and never negative.

    ``x-ms-retry-after-ms`` (Azure), or ``Retry-After`` in seconds or as an HTTP date (RFC 9110, 10.2.3). ``now`` has a
    time zone. Unreadable values are as if absent.
    """
    milliseconds = headers.get("x-ms-retry-after-ms", "").strip()
    if re.fullmatch(r"[0-9]{1,12}", milliseconds):
        return int(milliseconds) / 1000
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())


@dataclass(frozen=True)
class RetryRules:
    """``attempts`` counts the first one. Waits grow from ``initial`` to ``longest`` seconds with jitter.

    A server's own Retry-After is kept to, up to ``retry_after_max``; a cut is said through ``say``. After
    ``give_up_after`` requests in a row that failed in spite of every retry the server is asked no more.
    """

    attempts: int = 6
    opening_attempts: int = 3
    initial: float = 0.5
    longest: float = 30.0
    retry_after_max: float = 600.0
    give_up_after: int = 3


def capped(asked: float, rules: RetryRules, say: Callable[[str], None]) -> float:
    """The seconds to wait where a server asks for ``asked``: as the settings allow; a cut is said."""
    if asked > rules.retry_after_max:
        say(f"the server asked to wait {asked:.0f} s; waiting {rules.retry_after_max:.0f} s, as the settings allow")
    return min(asked, rules.retry_after_max)


class _StopWithoutAdvance(stop_base):
    """Stop after so many attempts in a row that brought nothing new."""

    def __init__(self, attempts: int, advanced: Callable[[], object]) -> None:
        self._attempts, self._advanced = attempts, advanced
        self._mark, self._counted_from = advanced(), 0

    def __call__(self, state: RetryCallState) -> bool:
        mark = self._advanced()
        if mark != self._mark:
            self._mark, self._counted_from = mark, state.attempt_number
        return state.attempt_number - self._counted_from >= self._attempts


def retrying(
    rules: RetryRules,
    sleep: Callable[[float], None],
    say: Callable[[str], None],
    advanced: Callable[[], object] = lambda: None,
) -> Retrying:
    """A tenacity controller for one request. After the last attempt its `TransientFault` comes out unchanged.

    Attempts are counted from the last one after which ``advanced`` gave something new.
    """
    grow = wait_exponential(multiplier=rules.initial, max=rules.longest) + wait_random(0, rules.initial)

    def wait(state: RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        asked = fault.retry_after if isinstance(fault, TransientFault) else None
        if asked is None:
            return grow(state)
        return capped(asked, rules, say)

    return Retrying(
        stop=_StopWithoutAdvance(rules.attempts, advanced),
        wait=wait,
        retry=retry_if_exception_type(TransientFault),
        sleep=sleep,
        reraise=True,
    )

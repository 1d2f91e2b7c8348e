"""FHIR date texts and periods as half-open intervals of microseconds since 1970 (UTC), for search by date.

A time without zone counts as UTC here; R4 leaves that to the server.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Interval = tuple[int, int]

OPEN_LOW = -(2**62)
OPEN_HIGH = 2**62
_TEXT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def interval_of_text(text: str) -> Interval | None:
    """[low, high) of a date, dateTime or instant by its own precision; None where the text is none of these."""
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if month is None:
            first, after = datetime(int(year), 1, 1, tzinfo=UTC), datetime(int(year) + 1, 1, 1, tzinfo=UTC)
            return _micros(first), _micros(after)
        if day is None:
            first = datetime(int(year), int(month), 1, tzinfo=UTC)
            days = calendar.monthrange(int(year), int(month))[1]
            return _micros(first), _micros(first + timedelta(days=days))
        first = datetime(int(year), int(month), int(day), tzinfo=UTC)
        if hour is None:
            return _micros(first), _micros(first + timedelta(days=1))
        first = first.replace(hour=int(hour), minute=int(minute), second=int(second or 0), tzinfo=_zone(zone))
    except (ValueError, OverflowError):
        return None
    low = _micros(first)
    if second is None:
        return low, low + 60 * _SECOND
    if fraction is None:
        return low, low + _SECOND
    digits = fraction[:6]
    return low + int(digits.ljust(6, "0")), low + int(digits.ljust(6, "0")) + int(10 ** (6 - len(digits)))


def interval_of(value: Any) -> Interval | None:
    """[low, high) of an element: a date text, a Period (an absent end is open) or a Timing's events."""
    if isinstance(value, str):
        return interval_of_text(value)
    if not isinstance(value, dict):
        return None
    if "event" in value:
        events = [found for text in value["event"] if (found := interval_of(text))]
        return (min(low for low, _ in events), max(high for _, high in events)) if events else None
    start, end = interval_of(value.get("start")), interval_of(value.get("end"))
    if start is None and end is None:
        return None
    return (start[0] if start else OPEN_LOW), (end[1] if end else OPEN_HIGH)

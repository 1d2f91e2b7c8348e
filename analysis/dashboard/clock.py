"""Instants and days as the dashboard writes them, and how long ago something was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SLACK = 1.25  # a run takes its time: this much over the usual distance is not late yet
HOUR = 3600


def instant(text: str) -> datetime:
    """An ISO instant of ``run.json``; one without a zone is UTC."""
    read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def day(when: date, year: bool = True) -> str:
    """``27 Nov 2026``; names of months do not depend on the machine."""
    return f"{when.day} {MONTHS[when.month - 1]}" + (f" {when.year}" if year else "")


def moment(when: datetime, year: bool = False) -> str:
    """``27 Nov 02:14``, in the zone the instant is given in."""
    return f"{day(when, year)} {when.hour:02}:{when.minute:02}"


def zone(when: datetime) -> str:
    """The zone beside an instant: ``UTC``, or the hours from it."""
    offset = when.utcoffset() or timedelta()
    return "UTC" if not offset else f"UTC{when.strftime('%z')[:3]}:{when.strftime('%z')[3:5]}"


def ago(seconds: float) -> str:
    """``5 hours ago``, ``3 days ago``; ``page.js`` says the same as time passes."""
    return "just now" if seconds < 60 else f"{length(seconds)} ago"


def length(seconds: float) -> str:
    """A time that passes: ``24 hours``, ``7 days``."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "less than a minute"
    for size, unit in ((2880, "day"), (120, "hour")):
        if minutes >= size:
            return f"{minutes // (size // 2)} {unit}s"
    return f"{minutes} minute{'s' * (minutes > 1)}"


def usual_distance(starts: Sequence[datetime]) -> float | None:
    """Seconds: the median of the last 30 distances between runs, in order; None where there is none.

    A run that begins within an hour of the one before is that one made anew by hand: it says nothing of when the next
    is due.
    """
    first = [b for a, b in pairwise(starts) if (b - a).total_seconds() >= HOUR]
    distances = [(b - a).total_seconds() for a, b in pairwise([*starts[:1], *first])][-30:]
    return median(distances) if distances else None

"""Instants as servers write them, read for comparing; the text itself is kept as served.

Seen besides FHIR's own form: seven digits of a second, no zone, and ``2020/01/20 16:53:41.160 -0500``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from mappings.errors import DefinitionError

AUTO = "auto"

_FORM = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
# Without a zone an instant may be meant in any; the first clocks to show a time are those of UTC+14.
_EAST = timezone(timedelta(hours=14))


def read_instant(text: object, *, zone: timezone = UTC) -> datetime | None:
    """The moment a text means, in UTC; ``zone`` is taken where it names none. None where it cannot be read."""
    found = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    micros = int((fraction or "")[:6].ljust(6, "0"))
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros, _zone(offset, zone)
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def earliest_meant(text: object) -> datetime | None:
    """The earliest moment a text may mean: one without a zone is taken as far east as there are clocks."""
    return read_instant(text, zone=_EAST)


def read_http_date(text: str) -> datetime | None:
    """The moment of an HTTP ``Date`` header (RFC 9110), or None."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def write_instant(moment: datetime) -> str:
    """A moment as a FHIR instant in UTC, cut to the second: never later than it is."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_since(text: str | None) -> str | None:
    """Check what ``--since`` was given: ``auto``, an instant with its zone, or a day (its beginning in UTC).

    Raises `DefinitionError` for anything else.
    """
    if text is None or text == AUTO:
        return text
    day = f"{text}T00:00:00Z"
    for said in (text, day):
        moment = read_instant(said)
        if moment is not None and (said == day or said[-1] in "Zz" or said[-6:-5] in ("+", "-")):
            return write_instant(moment)
    raise DefinitionError(f"--since {text}: say auto, a day (2026-01-31), or an instant with its zone (…T06:00:00Z)")


def _zone(offset: str | None, otherwise: timezone) -> timezone:
    if offset is None:
        return otherwise
    if offset in "Zz":
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[-2:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))

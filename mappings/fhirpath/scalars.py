"""What the operators do to single values, in plain Python: the oracle the compiled expressions are held to."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext

PLACES = 18
"""Decimal columns are DECIMAL(38, 18)."""
PRODUCT_PLACES = 9
"""Factors are taken at nine decimals, so that a product fits 38 digits (clarification C-8)."""
QUOTIENT_PLACES = 8

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T(.*?)(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?")
_ZONE = re.compile(r"(Z|[+-][0-9]{2}:[0-9]{2})$")


def at_places(value: Decimal, places: int = PLACES) -> Decimal:
    """A decimal rounded as a cast to DECIMAL(38, places) rounds it."""
    with localcontext() as context:
        context.prec = 80
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def product(left: Decimal, right: Decimal) -> Decimal:
    """Two decimals multiplied as the engine does: each rounded to ``PRODUCT_PLACES`` first, so that the result fits."""
    with localcontext() as context:
        context.prec = 80
        return at_places(left, PRODUCT_PLACES) * at_places(right, PRODUCT_PLACES)


def quotient(left: Decimal, right: Decimal) -> Decimal | None:
    """At eight decimals, from doubles; None where the divisor is 0."""
    if right == 0:
        return None
    return at_places(Decimal(float(left) / float(right)), QUOTIENT_PLACES)


def compare_dates(left: str, right: str) -> int | None:
    """-1, 0 or 1; None where a coarser precision leaves it open.

    Two instants with zones are compared as instants. Else the texts are compared as far as both go, zones and
    fractions of a second put aside.
    """
    a, b = _instant(left), _instant(right)
    if a is not None and b is not None:
        return (a > b) - (a < b)
    return compare_texts(plain_time(left), plain_time(right))


def plain_time(text: str) -> str:
    """A date or time text without its zone and its fraction of a second."""
    return re.sub(r"\.[0-9]+$", "", _ZONE.sub("", text) if "T" in text else text)


def compare_texts(a: str, b: str) -> int | None:
    """-1, 0 or 1 for two date texts; None where they agree as far as both go and one goes further (FHIRPath: empty)."""
    shared = min(len(a), len(b))
    if a[:shared] != b[:shared]:
        return -1 if a[:shared] < b[:shared] else 1
    return 0 if len(a) == len(b) else None


def _instant(text: str) -> datetime | None:
    if "T" not in text or not _ZONE.search(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def decimal_boundary(text: str, high: bool) -> Decimal:
    """The least or greatest number a decimal of this written precision may stand for: 1.0 → 0.95, 1.05."""
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    # A column has 18 places: half a unit of the 18th is rounded up to a whole one before it is added.
    half, exact = at_places(Decimal(5).scaleb(exponent - 1)), at_places(value)
    with localcontext() as context:
        context.prec = 80
        return exact + half if high else exact - half


def date_boundary(text: str, type_: str, high: bool) -> str | None:
    """The first or last day (``date``) or millisecond (``dateTime``, ``instant``) a date text may stand for.

    Without a zone the earliest is at +14:00 and the latest at -12:00. None for what is no date.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, clock, zone = match.groups()
    month = month or ("12" if high else "01")
    if not 1 <= int(month) <= 12 or int(year) < 1:
        return None
    day = day or (f"{calendar.monthrange(int(year), int(month))[1]:02d}" if high else "01")
    if type_ == "date":
        return f"{year}-{month}-{day}"
    return f"{year}-{month}-{day}T{time_boundary(clock or '', high)}{zone or ('-12:00' if high else '+14:00')}"


def time_boundary(text: str, high: bool) -> str:
    """The first or last millisecond a time text may stand for: 12:34 → 12:34:00.000, 12:34:59.999."""
    full = "23:59:59.999" if high else "00:00:00.000"
    text = text if len(text) != 8 else text + "."
    return (text + full[len(text) :])[:12]

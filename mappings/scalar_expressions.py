"""``fhirpath.scalars`` as Ibis expressions: dates, decimals, boundaries. A property test holds them equal."""

from __future__ import annotations

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from mappings.fhirpath.scalars import PLACES, PRODUCT_PLACES, QUOTIENT_PLACES

DECIMAL = dt.Decimal(38, PLACES)
_FACTOR = dt.Decimal(38, PRODUCT_PLACES)
_INSTANT = dt.Timestamp(timezone="UTC")
_ZONE = r"(Z|[+-][0-9]{2}:[0-9]{2})$"
_FRACTION = r"\.[0-9]+$"


def apply(operator: str, left: ir.Value, right: ir.Value) -> ir.BooleanValue:
    """One of ``= != < <= > >=`` on values of one type."""
    match operator:
        case "=":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def compare_dates(operator: str, left: ir.StringValue, right: ir.StringValue) -> ir.BooleanValue:
    """Two date texts; null where a coarser precision leaves it open."""
    instants = _zoned(left) & _zoned(right)
    return ibis.ifelse(
        instants,
        apply(operator, left.try_cast(_INSTANT), right.try_cast(_INSTANT)),
        _texts(operator, _plain_date(left), _plain_date(right)),
    )


def compare_times(operator: str, left: ir.StringValue, right: ir.StringValue) -> ir.BooleanValue:
    """Two time texts, to the second."""
    return _texts(operator, left.re_replace(_FRACTION, ""), right.re_replace(_FRACTION, ""))


def _zoned(text: ir.StringValue) -> ir.BooleanValue:
    return text.contains("T") & text.re_search(_ZONE)


def _plain_date(text: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(text.contains("T"), text.re_replace(_ZONE, "").re_replace(_FRACTION, ""), text)


def _texts(operator: str, a: ir.StringValue, b: ir.StringValue) -> ir.BooleanValue:
    shared = ibis.least(a.length(), b.length())
    decided = (a.length() == b.length()) | (a.substr(0, shared) != b.substr(0, shared))
    return ibis.ifelse(decided, apply(operator, a, b), ibis.null("boolean"))


def decimal_arithmetic(operator: str, left: ir.Value, right: ir.Value) -> ir.DecimalValue:
    """Sums are exact at 18 decimals; factors are taken at nine; quotients are given at eight, null by zero."""
    if operator == "*":
        return (left.cast(DECIMAL).cast(_FACTOR) * right.cast(DECIMAL).cast(_FACTOR)).cast(DECIMAL)
    if operator == "/":
        divisor = right.cast(DECIMAL).cast("float64")
        made = left.cast(DECIMAL).cast("float64") / divisor.nullif(0.0)
        return made.cast(dt.Decimal(38, QUOTIENT_PLACES)).cast(DECIMAL)
    a, b = left.cast(DECIMAL), right.cast(DECIMAL)
    return (a + b if operator == "+" else a - b).cast(DECIMAL)


def boundary(text: ir.StringValue, type_: str, high: bool) -> ir.Value:
    """``lowBoundary()`` and ``highBoundary()`` of a decimal (its written precision), a date or a time."""
    if type_ == "decimal":
        return _decimal_boundary(text, high)
    if type_ == "time":
        return _time_boundary(text, high)
    return date_boundary(text, type_, high)


def _decimal_boundary(value: ir.Value, high: bool) -> ir.DecimalValue:
    text = value.cast("string")
    fraction = text.re_extract(r"\.([0-9]+)", 1).fill_null("").length()
    exponent = text.re_extract(r"[eE]([+-]?[0-9]+)$", 1).nullif("").cast("int64").fill_null(0)
    places = fraction - exponent
    zeros = ibis.literal("0")
    half = ibis.ifelse(
        places >= 0,
        ibis.literal("0.") + zeros.repeat(ibis.greatest(places, 0)) + "5",
        ibis.literal("5") + zeros.repeat(ibis.greatest(-places - 1, 0)),
    ).cast(DECIMAL)
    exact = text.cast(DECIMAL)
    return (exact + half if high else exact - half).cast(DECIMAL)


def date_boundary(text: ir.StringValue, type_: str, high: bool) -> ir.StringValue:
    """The first or last day, or millisecond, a date text may stand for; null for what is no date."""
    ok = text.re_search(r"^[0-9]{4}(-(0[1-9]|1[0-2])(-[0-9]{2}(T.*)?)?)?$") & (text.substr(0, 4) != "0000")
    day = first_or_last_day(text.substr(0, 10), high)
    if type_ == "date":
        return ibis.ifelse(ok, day, ibis.null("string"))
    clock = text.substr(11)
    zone = clock.re_extract(_ZONE, 1).fill_null("").nullif("").fill_null("-12:00" if high else "+14:00")
    plain = ibis.ifelse(text.length() > 11, clock.re_replace(_ZONE, ""), "")
    return ibis.ifelse(ok, day + "T" + _time_boundary(plain, high) + zone, ibis.null("string"))


def first_or_last_day(text: ir.StringValue, high: bool) -> ir.StringValue:
    """YYYY, YYYY-MM or YYYY-MM-DD to its first or last day, as text."""
    month = ibis.ifelse(text.length() >= 7, text.substr(5, 2), "12" if high else "01")
    if not high:
        first: ir.StringValue = ibis.literal("01")
    else:
        year = text.substr(0, 4).try_cast("int64")
        leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
        short = month.isin(["04", "06", "09", "11"])
        first = ibis.cases((month == "02", ibis.ifelse(leap, "29", "28")), (short, "30"), else_="31")
    day = ibis.ifelse(text.length() >= 10, text.substr(8, 2), first)
    return text.substr(0, 4) + "-" + month + "-" + day


def _time_boundary(text: ir.StringValue, high: bool) -> ir.StringValue:
    full = ibis.literal("23:59:59.999" if high else "00:00:00.000")
    dotted = ibis.ifelse(text.length() == 8, text + ".", text)
    return (dotted + full.substr(dotted.length(), 12)).substr(0, 12)

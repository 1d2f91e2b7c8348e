"""Values for each primitive of FHIR: ordinary ones, and ones at or past the edge of what a judge may take."""

from __future__ import annotations

from typing import Any

_DATES = [
    "2020", "2020-02", "2020-02-28", "2020-02-29", "2000-02-29", "2019-12-31", "1999-01-01", "1000", "2999-12-31",
    "2019-02-29", "1900-02-29", "2020-02-30", "2020-04-31", "2020-13", "2020-00", "2020-12-00", "2020-1-1", "0000",
    "0001-01-01", "3000-01-01", "9999-12-31", "12020", "20", "2020-", "2020-02-", "2020-12-25 ", " 2020", "2020\n",
    "２０２０", "2020-W10", "2020-060", "20200101", "-2020", "",
]  # fmt: skip
_TIMES = [
    "10:00:00", "23:59:59", "00:00:00.000", "10:00:00.123456789", "10:00:00.1234567890", "23:59:60", "24:00:00",
    "10:00", "10:00:61", "1:00:00", "10:00:00Z", "10:00:00.", "10:00:00,5", "10:60:00", "",
]  # fmt: skip
_ZONES = [
    "Z",
    "+00:00",
    "-00:00",
    "+14:00",
    "-13:59",
    "+08:00",
    "+14:01",
    "-14:00",
    "+1:00",
    "+0800",
    "",
    "z",
    "+25:00",
]
_MOMENTS = [f"2020-02-29T{time}{zone}" for time in _TIMES[:6] for zone in _ZONES] + [
    "2019-02-29T10:00:00Z", "2016-12-31T23:59:60Z", "2020-01-01t10:00:00Z", "2020-01-01 10:00:00Z", "1582646400",
    "2020-01-01T10Z", "2020-01-01T10:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-13:00",
    "2020-01-01T10:00:00.123Z\n", "2020-06-31T10:00:00Z",
]  # fmt: skip
_TEXTS = [
    "x", "some words", " led", "trailed ", "a  b", "a\tb", "a\nb", "é", "e\u0301", "肝癌", "\U0001f600", "a\u00a0b",
    "", " ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u0085", "\u3000", "\u200b", "\ufeff", "\u0000", "\u001c", "\x0b",
    "\u2028", "\u180e", "\u1680", "x" * 300,
]  # fmt: skip
_ADDRESSES = [
    "http://a.example/b", "urn:oid:1.2.3", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "Patient/1", "#x", "string",
    "http://a b", "http://", "mailto:x", "http://a.example:99999/", "http://[::1", "", " ", "http://é.example/",
]  # fmt: skip
_NUMBERS: list[Any] = [
    0, 1, -1, 7, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63, 2**64, -(2**63), 1.0, -0.0, 1.5, 0.1, 1e300, 1e-300,
    1e16, 1e22, 123456789012345680.0, "1", "1.10", "-0", "1e5", "NaN", "Infinity", "0x1", "", True, False, "true",
]  # fmt: skip

VALUES: dict[str, list[Any]] = {
    "base64Binary": ["aGVsbG8=", "aGVsbA==", "YWJj", "aGVsbG8", "====", "a", "", " YWJj", "YW\nJj", "YW-_", "é"],
    "boolean": [True, False, "true", "True", "yes", 1, 0, 2, 1.0, "1", ""],
    "canonical": _ADDRESSES,
    "code": [*_TEXTS, "final", "a b c", "\u00a0a", "a\u3000b", "a\u001cb"],
    "date": [*_DATES, "2020-01-01T10:00:00Z", 20200101, 2020],
    "dateTime": [*_DATES, *_MOMENTS, 1582646400, 2020],
    "decimal": _NUMBERS,
    "id": ["a", "A-1.b", "x" * 64, "x" * 65, "x" * 255, "x" * 256, "a_b", "a b", "a/b", "", "é", "a\n", "a$"],
    "instant": [*_MOMENTS, *_DATES[:6]],
    "integer": _NUMBERS,
    "integer64": _NUMBERS,
    "markdown": _TEXTS,
    "oid": ["urn:oid:1.2.3", "urn:oid:2.0", "urn:oid:3.1", "urn:oid:1.02", "1.2.3", "urn:oid:1", "urn:oid:1.2\n"],
    "positiveInt": _NUMBERS,
    "string": _TEXTS,
    "time": _TIMES,
    "unsignedInt": _NUMBERS,
    "uri": _ADDRESSES,
    "url": _ADDRESSES,
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "c757873d-ec9a-4326-a141-556f43239520", "x", ""],
    "xhtml": ['<div xmlns="http://www.w3.org/1999/xhtml">x</div>', "<div>", "x", ""],
}
# How many of each list stand at its front that any judge takes.
ORDINARY = {"code": 2, "dateTime": 6, "date": 6, "time": 3, "decimal": 4, "integer": 4, "positiveInt": 2, "id": 2}
ANY: list[Any] = [None, True, 0, 7.5, "", "x", " ", [], {}, [None], [[]], [{}], {"extension": []}, 10**30, "2020-02-30"]


def ordinary(primitive: str) -> list[Any]:
    """Values that are valid (of positive integers the second alone is)."""
    values = VALUES[primitive][: ORDINARY.get(primitive, 1)]
    return values[1:] if primitive == "positiveInt" else values

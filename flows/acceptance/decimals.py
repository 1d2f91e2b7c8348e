"""Numbers that a double would change become strings in the accepted copy, so that 1.10 stays 1.10.

DuckDB reads JSON numbers as doubles; read into a text column, 13.2 and "1.10" both keep their digits.
"""

from __future__ import annotations

import re

# A search of a line finds whether it may hold such a number; a hit inside a string only costs the slow way. Numbers are
# looked for after a colon; a line with a list of numbers (MolecularSequence has some of decimals) goes the slow way.
_CANDIDATE = re.compile(
    rb":(?=[-\d\s])\s*(?:-?(?:"  # a number begins here, which one glance at most colons denies
    rb"\d+\.\d*0[\s,}\]]"  # a trailing zero
    rb"|\d+(?:\.\d+)?[eE]"  # an exponent
    rb"|\d[\d.]{15,}"  # more than 15 digits
    rb"|0\.0000"  # below 0.0001
    rb")|-0[\s,}\]])"
)
_LIST_OF_NUMBERS = re.compile(rb"\[\s*(?:-?\d|null)")
_STRING_OR_NUMBER = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')
_PLAIN = re.compile(rb"(?:0|-?[1-9]\d*|-?(?:0|[1-9]\d*)\.\d*[1-9])")
_MOST_DIGITS = 15  # every decimal of so many digits comes back from a double as it was


def survives(number: bytes) -> bool:
    """Whether a JSON number, read as a double and written shortest, has the same text."""
    if not _PLAIN.fullmatch(number):
        return False
    digits = number.lstrip(b"-").replace(b".", b"").lstrip(b"0")
    return len(digits) <= _MOST_DIGITS and not number.lstrip(b"-").startswith(b"0.0000")


def may_change(text: bytes) -> bool:
    """Whether a line, or one of several, may hold a number that a double would change."""
    return _CANDIDATE.search(text) is not None or _LIST_OF_NUMBERS.search(text) is not None


def keep_digits(line: bytes) -> bytes:
    """The line with every number a double would change written as a string; the same object where there is none."""
    if not may_change(line):
        return line
    kept = _STRING_OR_NUMBER.sub(_quoted, line)
    return line if kept == line else kept


def _quoted(match: re.Match[bytes]) -> bytes:
    text = match[0]
    return text if text.startswith(b'"') or survives(text) else b'"' + text + b'"'

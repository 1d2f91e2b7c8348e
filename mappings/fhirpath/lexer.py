"""FHIRPath text to tokens (FHIRPath 2.0.0, Lexical Elements)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mappings.fhirpath.tree import FhirPathError


@dataclass(frozen=True)
class Token:
    """``kind`` is name, constant, this, string, number, date, dateTime, time, symbol or end."""

    kind: str
    text: str
    at: int


_DAY = r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?"
_CLOCK = r"[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
_ZONE = r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | @(?P<dateTime>{_DAY}T(?:{_CLOCK}{_ZONE})?)
  | @(?P<date>{_DAY})(?!T)
  | @T(?P<time>{_CLOCK})
  | (?P<number>[0-9]+(?:\.[0-9]+)?)
  | '(?P<string>(?:[^'\\]|\\.)*)'
  | `(?P<quoted>(?:[^`\\]|\\.)+)`
  | %(?P<constant>[A-Za-z_][A-Za-z0-9_]*|`[^`]+`|'[^']+')
  | \$(?P<this>this)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<symbol><=|>=|!=|!~|[-+*/=~<>&|.,()\[\]{{}}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def tokens(text: str) -> list[Token]:
    """The tokens of a path, an ``end`` token last.

    Raises:
        FhirPathError: a character no token begins with, or an unknown escape.
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FhirPathError(f"cannot read {text[at : at + 10]!r}", at)
        kind = match.lastgroup or ""
        body = match.group(kind)
        if kind == "string" or kind == "quoted":
            found.append(Token("name" if kind == "quoted" else "string", _unescape(body, at), at))
        elif kind == "constant":
            found.append(Token(kind, body.strip("`'"), at))
        elif kind != "space":
            found.append(Token(kind, body, at))
        at = match.end()
    return [*found, Token("end", "", len(text))]


def _unescape(body: str, at: int) -> str:
    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) == 5:
            return chr(int(code[1:], 16))
        if code in _ESCAPES:
            return _ESCAPES[code]
        if code in "'\"`\\/":
            return code
        raise FhirPathError(f"unknown escape \\{code}", at)

    return _ESCAPE.sub(one, body)

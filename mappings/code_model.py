"""Code lists and translations as values: what a ValueSet or ConceptMap says, normalised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mappings.code_systems import normalise_code, normalise_system


@dataclass(frozen=True)
class CodeEntry:
    """One coding of a list: normalised system (None: codings without a system) and code."""

    system: str | None
    code: str
    display: str = ""


@dataclass(frozen=True)
class CodePattern:
    """All codes of a system that match a regular expression from end to end, whatever their case."""

    system: str | None
    regex: str

    def matches(self, code: str) -> bool:
        """Whether a normalised code is in it."""
        return re.fullmatch(self.regex, code, re.IGNORECASE | re.ASCII) is not None


@dataclass(frozen=True)
class CodeList:
    """A ValueSet file. ``words`` are what a text list looks for, in lower case."""

    name: str
    title: str = ""
    entries: tuple[CodeEntry, ...] = ()
    patterns: tuple[CodePattern, ...] = ()
    words: tuple[str, ...] = ()

    @cached_property
    def _codings(self) -> frozenset[tuple[str | None, str]]:
        return frozenset((entry.system, entry.code) for entry in self.entries)

    def contains(self, system: str | None, code: str | None) -> bool:
        """Whether a coding is in the list, after normalisation; a text list contains no coding."""
        system = normalise_system(system)
        code = normalise_code(system, code)
        if code is None:
            return False
        return (system, code) in self._codings or any(p.system == system and p.matches(code) for p in self.patterns)

    def found_in(self, text: str | None) -> bool:
        """Whether any of the list's words stands in a free text, whatever its case and line breaks."""
        if not text or not self.words:
            return False
        return re.search(words_pattern(self.words), text.lower()) is not None


@dataclass(frozen=True)
class ConceptRow:
    """One line of a ConceptMap; the source is normalised, the target kept as written."""

    source_system: str | None
    source_code: str
    target_system: str | None
    target_code: str


@dataclass(frozen=True)
class ConceptMapping:
    """A ConceptMap file: from answer codes, or plain values (a group without source), to the study's levels."""

    name: str
    rows: tuple[ConceptRow, ...] = ()
    title: str = ""
    _by_source: dict[tuple[str | None, str], str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_source.update({(row.source_system, row.source_code): row.target_code for row in self.rows})

    def translate(self, system: str | None, code: str | None) -> str | None:
        """The target code of a coding, or None where the map says nothing. ``system=None`` for a plain value."""
        system = normalise_system(system)
        code = normalise_code(system, code)
        return None if code is None else self._by_source.get((system, code))


# Written out, because \b and \s are not the same on every engine; the text is in lower case.
_EDGE = {"before": "(?:^|[^0-9a-z_])", "after": "(?:[^0-9a-z_]|$)"}
_WORD_CHARACTER = re.compile(r"[0-9a-z_]")


def words_pattern(words: Sequence[str]) -> str:
    """A regular expression for a text in lower case in which one of some words (in lower case) stands.

    Whole words where a word begins or ends in a Latin letter or digit; scripts without spaces match anywhere.
    """

    def one(word: str) -> str:
        body = "[ \t\n\r\f]+".join(re.escape(part) for part in word.split())
        before = _EDGE["before"] if _WORD_CHARACTER.match(word) else ""
        after = _EDGE["after"] if _WORD_CHARACTER.match(word[-1:]) else ""
        return before + body + after

    return "|".join(one(word) for word in words)

"""Code lists (FHIR ValueSet) and translations (FHIR ConceptMap) from a study's own files.

A list is what a hospital adds its codes to: ``compose.include`` with a system and its concepts, or with a filter
``code regex PATTERN`` over a system. An include without ``system`` matches codings without a system, and no others. The
system ``urn:bedside:text`` holds words looked for in free text. Nothing here asks a terminology server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mappings.code_systems import (
    TEXT,
    code_expression,
    normalise_code,
    normalise_system,
    system_expression,
)
from mappings.errors import DefinitionError, Problem

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "CodeEntry",
    "CodeList",
    "CodePattern",
    "ConceptMapping",
    "ConceptRow",
    "matches",
    "matches_text",
    "normalise_code",
    "normalise_system",
    "parse_concept_map",
    "parse_value_set",
    "translated",
]

# What one regular-expression dialect has and another lacks: patterns must mean the same on every engine.
_NOT_PORTABLE = re.compile(r"\(\?(?!:)|\\[1-9]|\\[bBAZzG]|[*+?}]\+")
_NO_TRANSLATION = frozenset(("unmatched", "disjoint", "not-related-to"))


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
        return re.fullmatch(self.regex, code, re.IGNORECASE) is not None


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
        return re.search(_words_pattern(self.words), text, re.IGNORECASE | re.ASCII) is not None


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


def parse_value_set(name: str, resource: Mapping[str, Any], file: str = "") -> CodeList:
    """A code list from a parsed ValueSet; ``name`` is the study's name for it.

    Raises:
        DefinitionError: it is no ValueSet, is empty, or asks for what needs a terminology server; every fault listed.
    """
    problems: list[Problem] = []

    def fault(where: str, message: str) -> None:
        problems.append(Problem(message, where, file=file))

    entries: list[CodeEntry] = []
    patterns: list[CodePattern] = []
    words: list[str] = []
    compose = resource.get("compose") or {}
    if resource.get("resourceType") != "ValueSet":
        fault("resourceType", "must be ValueSet")
    if compose.get("exclude"):
        fault("compose.exclude", "is not supported: list what is meant")
    for i, include in enumerate(compose.get("include") or []):
        where = f"compose.include[{i}]"
        system = normalise_system(include.get("system"))
        if include.get("valueSet"):
            fault(f"{where}.valueSet", "another ValueSet cannot be included: copy its codes")
        if not include.get("concept") and not include.get("filter"):
            fault(where, "a whole code system cannot be a list: give concept or filter")
        for j, concept in enumerate(include.get("concept") or []):
            code = normalise_code(system, concept.get("code"))
            if code is None:
                fault(f"{where}.concept[{j}].code", "is missing")
            elif system == TEXT:
                words.append(" ".join(code.lower().split()))
            else:
                entries.append(CodeEntry(system, code, concept.get("display", "")))
        for j, found in enumerate(include.get("filter") or []):
            fault_text = _filter_fault(found)
            if fault_text:
                fault(f"{where}.filter[{j}]", fault_text)
            else:
                patterns.append(CodePattern(system, str(found["value"])))
    if not problems and not (entries or patterns or words):
        fault("compose.include", "the list is empty")
    if problems:
        raise DefinitionError(f"The code list {name!r} cannot be used:", tuple(problems))
    return CodeList(name, resource.get("title") or name, tuple(entries), tuple(patterns), tuple(words))


def _filter_fault(found: Mapping[str, Any]) -> str:
    if (found.get("property"), found.get("op")) != ("code", "regex"):
        return "only property code with op regex is supported: others need a terminology server"
    value = str(found.get("value") or "")
    if not value or _NOT_PORTABLE.search(value):
        return "the regular expression is empty or uses what not every engine has (look-around, back references, \\b)"
    try:
        re.compile(value)
    except re.error as error:
        return f"not a regular expression: {error.msg}"
    return ""


def parse_concept_map(name: str, resource: Mapping[str, Any], file: str = "") -> ConceptMapping:
    """A translation from a parsed ConceptMap (R4 ``equivalence`` or R5 ``relationship``).

    Raises:
        DefinitionError: it is no ConceptMap, is empty, or gives one code two targets; every fault listed.
    """
    problems: list[Problem] = []
    rows: dict[tuple[str | None, str], ConceptRow] = {}

    def fault(where: str, message: str) -> None:
        problems.append(Problem(message, where, file=file))

    if resource.get("resourceType") != "ConceptMap":
        fault("resourceType", "must be ConceptMap")
    for i, group in enumerate(resource.get("group") or []):
        if group.get("unmapped"):
            fault(f"group[{i}].unmapped", "is not supported: what is unmapped is counted, never guessed")
        system = normalise_system(group.get("source"))
        for j, element in enumerate(group.get("element") or []):
            where = f"group[{i}].element[{j}]"
            code = normalise_code(system, element.get("code"))
            if code is None:
                fault(f"{where}.code", "is missing")
                continue
            for target in element.get("target") or []:
                if (target.get("equivalence") or target.get("relationship")) in _NO_TRANSLATION:
                    continue
                if not target.get("code"):
                    fault(f"{where}.target", "has no code")
                    continue
                row = ConceptRow(system, code, group.get("target"), str(target["code"]))
                if rows.setdefault((system, code), row).target_code != row.target_code:
                    fault(where, f"{element['code']} has two targets")
    if not problems and not rows:
        fault("group", "the map is empty")
    if problems:
        raise DefinitionError(f"The concept map {name!r} cannot be used:", tuple(problems))
    return ConceptMapping(name, tuple(rows.values()), resource.get("title") or name)


def matches(
    table: ir.Table,
    system_column: str | None,
    code_column: str,
    lists: Mapping[str, CodeList],
    into: str = "list",
) -> ir.Table:
    """The rows of ``table`` whose coding is in a list, once for each list, with its name in column ``into``.

    Rows in no list are not in the result. ``system_column=None`` reads plain codes without a system. Work is done on
    the distinct codings, so millions of rows cost one hash join.
    """
    import ibis

    codings = _codings(table, system_column, code_column)
    listed = [(name, e.system, e.code) for name, made in lists.items() for e in made.entries]
    parts = []
    if listed:
        rows = _memory({"list": 0, "system": 1, "code": 2}, listed)
        on = [codings._system.identical_to(rows.system), codings._code == rows.code]
        parts.append(codings.inner_join(rows, on).select("_raw_system", "_raw_code", "list"))
    for name, made in lists.items():
        for pattern in made.patterns:
            same = codings._system.isnull() if pattern.system is None else codings._system == pattern.system
            hit = codings.filter(same & codings._code.re_search(f"(?i)^(?:{pattern.regex})$"))
            parts.append(hit.select("_raw_system", "_raw_code", list=ibis.literal(name)))
    if not parts:
        return table.mutate(**{into: ibis.null("string")}).filter(ibis.literal(False))
    hits = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
    return _join_back(table, hits.rename({"_list": "list"}), system_column, code_column, {into: "_list"}, "inner")


def matches_text(
    table: ir.Table, text_columns: Sequence[str], lists: Mapping[str, CodeList], into: str = "list"
) -> ir.Table:
    """The rows in whose texts a word of a list stands, once for each list, with its name in column ``into``."""
    import ibis

    parts = []
    for name, made in lists.items():
        if made.words:
            pattern = f"(?i){_words_pattern(made.words)}"
            found = ibis.or_(*(table[column].re_search(pattern).fill_null(False) for column in text_columns))
            parts.append(table.filter(found).mutate(**{into: ibis.literal(name)}))
    if not parts:
        return table.mutate(**{into: ibis.null("string")}).filter(ibis.literal(False))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def translated(
    table: ir.Table, system_column: str | None, code_column: str, mapping: ConceptMapping, into: str
) -> ir.Table:
    """``table`` with a text column ``into``: the map's target code, null where the map says nothing.

    ``system_column=None`` translates plain values (strings, or integers read as text).
    """
    codings = _codings(table, system_column, code_column)
    names = {"system": 0, "code": 1, "target": 2}
    rows = _memory(names, [(row.source_system, row.source_code, row.target_code) for row in mapping.rows])
    on = [codings._system.identical_to(rows.system), codings._code == rows.code]
    hits = codings.inner_join(rows, on).select("_raw_system", "_raw_code", _target="target")
    return _join_back(table, hits, system_column, code_column, {into: "_target"}, "left")


def _words_pattern(words: Sequence[str]) -> str:
    """Whole words where a word begins or ends in a Latin letter or digit; scripts without spaces match anywhere."""

    def one(word: str) -> str:
        body = r"\s+".join(re.escape(part) for part in word.split())
        start = r"\b" if re.match(r"\w", word, re.ASCII) else ""
        end = r"\b" if re.search(r"\w$", word, re.ASCII) else ""
        return start + body + end

    return "(?:" + "|".join(one(word) for word in words) + ")"


def _memory(columns: Mapping[str, int], rows: Sequence[tuple[str | None, ...]]) -> ir.Table:
    import ibis
    import pyarrow as pa

    arrays = {name: pa.array([row[at] for row in rows], pa.string()) for name, at in columns.items()}
    return ibis.memtable(pa.table(arrays))


def _codings(table: ir.Table, system_column: str | None, code_column: str) -> ir.Table:
    import ibis

    raw_system = ibis.null("string") if system_column is None else table[system_column]
    raw = table.select(_raw_system=raw_system, _raw_code=table[code_column].cast("string")).distinct()
    raw = raw.filter(raw._raw_code.notnull()).mutate(_system=system_expression(raw._raw_system))
    return raw.mutate(_code=code_expression(raw._system, raw._raw_code))


def _join_back(
    table: ir.Table,
    hits: ir.Table,
    system_column: str | None,
    code_column: str,
    new: Mapping[str, str],
    how: str,
) -> ir.Table:
    on = [table[code_column].cast("string") == hits._raw_code]
    if system_column is not None:
        on.append(table[system_column].identical_to(hits._raw_system))
    joined = table.join(hits, on, how=how)
    kept = [name for name in table.columns if name not in new]
    return joined.select(*kept, **{name: joined[source] for name, source in new.items()})

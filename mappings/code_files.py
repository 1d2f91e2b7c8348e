"""ValueSet and ConceptMap files to code lists and translations. Nothing here asks a terminology server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mappings.code_model import CodeEntry, CodeList, CodePattern, ConceptMapping, ConceptRow
from mappings.code_systems import TEXT, normalise_code, normalise_system
from mappings.errors import DefinitionError, Problem

# What one regular-expression dialect has and another lacks: patterns must mean the same on every engine.
_NOT_PORTABLE = re.compile(r"\(\?(?!:)|\\[1-9]|\\[bBAZzGv]|[*+?}]\+|\[[^\]]*\[|&&|\{,")
_NO_TRANSLATION = frozenset(("unmatched", "disjoint", "not-related-to"))
_Fault = Callable[[str, str], None]


def read_value_set(text: str | bytes, file: str, name: str = "") -> CodeList:
    """A code list from the text of a ValueSet file; ``file`` is named in faults, ``name`` is the list's own.

    Raises:
        DefinitionError: it is no JSON object, or as :func:`parse_value_set`.
    """
    resource = _object(text, file)
    return parse_value_set(name or str(resource.get("name") or file), resource, file)


def read_concept_map(text: str | bytes, file: str, name: str = "") -> ConceptMapping:
    """A translation from the text of a ConceptMap file; as :func:`read_value_set`.

    Raises:
        DefinitionError: it is no JSON object, or as :func:`parse_concept_map`.
    """
    resource = _object(text, file)
    return parse_concept_map(name or str(resource.get("name") or file), resource, file)


def _object(text: str | bytes, file: str) -> Mapping[str, Any]:
    try:
        resource = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise DefinitionError(
            f"{file} is no JSON", (Problem(getattr(error, "msg", "unreadable"), "", line, file),)
        ) from None
    if not isinstance(resource, Mapping):
        raise DefinitionError(f"{file} is no JSON object, but a ValueSet or ConceptMap is one")
    return resource


def _each(raw: Mapping[str, Any], key: str, where: str, fault: _Fault) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list, each with its JSON path; what is of another shape is a fault."""
    at = f"{where}.{key}".lstrip(".")
    found = raw.get(key) or []
    if not isinstance(found, list):
        fault(at, "must be a list: [ … ]")
        return
    for i, one in enumerate(found):
        if isinstance(one, Mapping):
            yield f"{at}[{i}]", one
        else:
            fault(f"{at}[{i}]", "must be a JSON object: { … }")


def _text(raw: Mapping[str, Any], key: str, where: str, fault: _Fault) -> str | None:
    value = raw.get(key)
    if value is None or isinstance(value, str):
        return value
    fault(f"{where}.{key}", "must be a text in quotes")
    return None


def parse_value_set(name: str, resource: Mapping[str, Any], file: str = "") -> CodeList:
    """A code list from a parsed ValueSet; ``name`` is the user's name for it.

    Where the file holds an ``expansion`` (a terminology server has written it out) its codes are the list, else those
    of ``compose``.

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
    elif isinstance(resource.get("expansion"), Mapping):
        entries += _expanded(resource["expansion"], fault)
    elif not isinstance(compose, Mapping):
        fault("compose", "must be a JSON object: { … }")
    else:
        _composed(compose, fault, entries, patterns, words)
    if not problems and not (entries or patterns or words):
        fault("compose.include", "the list is empty: give compose.include with a system and its codes")
    if problems:
        raise DefinitionError(f"The code list {name!r} cannot be used:", tuple(problems))
    unique = tuple(dict.fromkeys(entries))
    return CodeList(name, str(resource.get("title") or name), unique, tuple(patterns), tuple(words))


def _composed(
    compose: Mapping[str, Any],
    fault: _Fault,
    entries: list[CodeEntry],
    patterns: list[CodePattern],
    words: list[str],
) -> None:
    if compose.get("exclude"):
        fault("compose.exclude", "is not supported: list what is meant")
    for where, include in _each(compose, "include", "compose", fault):
        system = normalise_system(_text(include, "system", where, fault))
        if include.get("valueSet"):
            fault(f"{where}.valueSet", "another ValueSet cannot be included: copy its codes")
        if not include.get("concept") and not include.get("filter"):
            fault(where, "a whole code system cannot be a list: give concept or filter")
        for at, concept in _each(include, "concept", where, fault):
            written = _text(concept, "code", at, fault)
            code = normalise_code(system, written)
            if written is None or code is None:
                fault(f"{at}.code", 'is missing: write "code": "…"')
            elif system == TEXT:
                words.append(" ".join(written.lower().split()))
            else:
                entries.append(CodeEntry(system, code, str(concept.get("display") or "")))
        for at, found in _each(include, "filter", where, fault):
            fault_text = _filter_fault(found)
            if fault_text:
                fault(at, fault_text)
            else:
                patterns.append(CodePattern(system, str(found["value"])))


def _expanded(expansion: Mapping[str, Any], fault: _Fault) -> Iterator[CodeEntry]:
    """The codes of a written-out ValueSet, those inside others too; abstract ones only group."""
    total, seen = expansion.get("total"), 0
    if expansion.get("offset"):
        fault("expansion.offset", "only a part of the ValueSet is in the file: write it out whole")
    waiting = [*_each(expansion, "contains", "expansion", fault)]
    while waiting:
        where, found = waiting.pop()
        waiting += _each(found, "contains", where, fault)
        system = normalise_system(_text(found, "system", where, fault))
        code = normalise_code(system, _text(found, "code", where, fault))
        seen += 1
        if code is not None and not found.get("abstract"):
            yield CodeEntry(system, code, str(found.get("display") or ""))
    if isinstance(total, int) and total > seen:
        fault("expansion.total", f"says {total} codes, the file holds {seen}: write it out whole")


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
    for at_group, group in _each(resource, "group", "", fault):
        if group.get("unmapped"):
            fault(f"{at_group}.unmapped", "is not supported: what is unmapped is counted, never guessed")
        system = normalise_system(_text(group, "source", at_group, fault))
        for where, element in _each(group, "element", at_group, fault):
            code = normalise_code(system, _text(element, "code", where, fault))
            if code is None:
                fault(f"{where}.code", 'is missing: write "code": "…"')
                continue
            for at, target in _each(element, "target", where, fault):
                relation = _text(target, "equivalence", at, fault) or _text(target, "relationship", at, fault)
                if relation in _NO_TRANSLATION:
                    continue
                if not target.get("code"):
                    fault(at, 'has no code: write the level it stands for, "code": "…"')
                    continue
                row = ConceptRow(system, code, _text(group, "target", at_group, fault), str(target["code"]))
                if rows.setdefault((system, code), row).target_code != row.target_code:
                    fault(where, f"{element['code']} has two targets: leave one")
    if not problems and not rows:
        fault("group", "the map is empty: give a group with elements, each with a code and its target")
    if problems:
        raise DefinitionError(f"The concept map {name!r} cannot be used:", tuple(problems))
    return ConceptMapping(name, tuple(rows.values()), str(resource.get("title") or name))

"""Turning a parsed TOML document into a frozen model, or into a list of every fault with file, line and field.

A misspelt key is read as the key it was meant to be, so that one slip is one fault and what stands under it is still
checked. Messages name keys and what is expected; a value is repeated only where the choice is from a fixed set, so
that a password typed into a sites file is never shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from analysis.study.toml_lines import Path, line_of
from mappings.errors import Problem

Model = TypeVar("Model", bound=BaseModel)

_ORDINARY: dict[str, str] = {
    "string_type": "must be a text in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "date_type": "must be a date, for instance 2020-12-31, without quotes",
    "date_parsing": "must be a date, for instance 2020-12-31, without quotes",
    "date_from_datetime_parsing": "must be a date, for instance 2020-12-31, without quotes",
    "date_from_datetime_inexact": "must be a date without a time",
    "tuple_type": "must be a list in square brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}
_PATTERNS: dict[str, str] = {
    r"^[a-z][a-z0-9-]*$": 'small letters, digits and hyphens, beginning with a letter, for instance "child-pugh"',
    r"^[a-z][a-z0-9_-]*$": "small letters, digits, hyphens and underscores, beginning with a letter",
    r"^[a-z][a-z0-9_]*$": "small letters, digits and underscores, beginning with a letter",
    r"^[A-Za-z][A-Za-z0-9_]*$": "letters, digits and underscores, beginning with a letter",
    r"^[^.]+$": "a text without a full stop",
    r"^exclude:[a-z][a-z0-9-]*$": 'exclude:REASON, for instance "exclude:mixed-materials"',
    r"^[A-Z][A-Z0-9]{0,7}$": 'at most eight capitals and digits, for instance "PFS"',
    r"^(used_device|used_substance|used_code|administered|text):[a-z][a-z0-9-]*$": (
        "SOURCE:LIST, the source one of used_device, used_substance, used_code, administered, text"
    ),
}


def check(
    model: type[Model], document: Mapping[str, Any], lines: Mapping[Path, int], file: str
) -> tuple[Model | None, dict[str, Any], dict[Path, int], list[Problem]]:
    """Validate a document.

    Returns: the model (None if anything is wrong), the document with misspelt keys put right, the lines of that
    document's paths, and every problem found.
    """
    fixed, fixed_lines = _copied(document), dict(lines)
    problems: list[Problem] = []
    made: Model | None = None
    while True:
        try:
            made = model.model_validate(fixed, by_alias=True, by_name=False)
            errors: list[ErrorDetails] = []
        except ValidationError as error:
            errors = error.errors(include_url=False)
        unknown = [e for e in errors if e["type"] == "extra_forbidden"]
        if not unknown:
            break
        for loc in dict.fromkeys(_in_document(fixed, tuple(e["loc"])) for e in unknown):
            problems.append(_put_right(model, fixed, fixed_lines, loc, file))
    problems += _told(model, errors, fixed, fixed_lines, file)
    problems.sort(key=lambda p: (p.line or 0, p.field))
    return (None if problems else made), fixed, fixed_lines, problems


def problem_at(lines: Mapping[Path, int], file: str, path: Path, message: str) -> Problem:
    """A problem with the field and the line of a path."""
    return Problem(message, field_name(path), line_of(lines, path), file)


def field_name(path: Iterable[str | int]) -> str:
    """``criterion[2].require.window``: positions count from 0, as in the file format's own tools."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``: did you mean 'window'?`` where a known name is close, else an empty text."""
    near = difflib.get_close_matches(name, sorted(set(known)), n=1, cutoff=0.6)
    return f": did you mean {near[0]!r}?" if near else ""


def near_or_all(name: str, known: Iterable[str]) -> str:
    """As :func:`did_you_mean`; where nothing is close, what there is, if that is not too much to read."""
    names = sorted(known) if isinstance(known, set | frozenset) else list(dict.fromkeys(known))
    there = f"; there are {', '.join(names)}" if 0 < len(names) <= 12 else ""
    return did_you_mean(name, names) or there


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _put_right(
    model: type[BaseModel], document: dict[str, Any], lines: dict[Path, int], path: Path, file: str
) -> Problem:
    """Rename an unknown key to the one it resembles, or drop it, and say so."""
    table, key = _at(document, path[:-1]), str(path[-1])
    known = _keys_of(model, path[:-1])
    free = [name for name in known if name not in table]
    near = difflib.get_close_matches(key, free, n=1, cutoff=0.6)
    if near:
        message = f"unknown key: did you mean {near[0]!r}?"
    else:
        message = "unknown key" + (f"; the keys here are {', '.join(known)}" if 0 < len(known) <= 12 else "")
    problem = problem_at(lines, file, path, message)
    value = table.pop(key)
    if near:
        table[near[0]] = value
        for old in [p for p in lines if p[: len(path)] == path]:
            lines[(*path[:-1], near[0], *old[len(path) :])] = lines[old]
    return problem


def _keys_of(model: type[BaseModel], path: Path) -> list[str]:
    """The keys a table of the document may have, read from the model's own schema; empty where any name may stand."""
    schema = model.model_json_schema(by_alias=True)
    found: list[Mapping[str, Any]] = [schema]
    for part in path:
        found = [inner for one in found for inner in _step(schema, one, part)]
    return list(dict.fromkeys(key for one in _opened(schema, found) for key in one.get("properties", {})))


def _to_write(model: type[BaseModel], path: Path) -> str:
    """What to write for a key that is missing, by its type: ``: write data = "synthetic" or "real"``."""
    schema = model.model_json_schema(by_alias=True)
    found: list[Mapping[str, Any]] = [schema]
    for part in path:
        found = [inner for one in found for inner in _step(schema, one, part)]
    shown = list(dict.fromkeys(_shown(node) for node in _opened(schema, found)))
    return f": write {path[-1]} = {' or '.join(shown)}" if shown and all(shown) else ""


def _shown(node: Mapping[str, Any]) -> str:
    if "enum" in node or "const" in node:
        return " or ".join(f'"{choice}"' for choice in node.get("enum", [node.get("const")]))
    if node.get("format") == "date":
        return "2020-12-31"
    required = [f"{key} = …" for key in node.get("required", ())]
    shapes = {"string": '"…"', "integer": "a whole number", "number": "a number", "boolean": "true or false"}
    shapes |= {"array": "[ … ]", "object": f"{{ {', '.join(required) or '…'} }}"}
    return shapes.get(str(node.get("type")), "")


def _opened(schema: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """References followed and alternatives listed."""
    out: list[Mapping[str, Any]] = []
    for node in nodes:
        if "$ref" in node:
            out += _opened(schema, [schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]])
        elif "anyOf" in node or "oneOf" in node:
            out += _opened(schema, node.get("anyOf") or node["oneOf"])
        else:
            out.append(node)
    return out


def _step(schema: Mapping[str, Any], node: Mapping[str, Any], part: str | int) -> list[Mapping[str, Any]]:
    steps: list[Mapping[str, Any]] = []
    for one in _opened(schema, [node]):
        if isinstance(part, int):
            steps += [one["items"]] if "items" in one else []
        elif part in one.get("properties", {}):
            steps.append(one["properties"][part])
        elif isinstance(one.get("additionalProperties"), Mapping):
            steps.append(one["additionalProperties"])
    return steps


def _in_document(document: Any, loc: Path) -> Path:
    """A pydantic location without the parts that name a choice of type rather than a place in the document."""
    path: list[str | int] = []
    here = document
    for part in loc:
        if _has(here, part):
            here = here[part]
            path.append(part)
    return tuple(path)


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _at(document: Any, path: Path) -> Any:
    for part in path:
        document = document[part]
    return document


def _told(
    model: type[BaseModel],
    errors: Iterable[ErrorDetails],
    document: Mapping[str, Any],
    lines: Mapping[Path, int],
    file: str,
) -> list[Problem]:
    """One problem a place: the choices of a union that all failed are told as one sentence."""
    by_place: dict[Path, list[str]] = {}
    errors = list(errors)
    for error in errors:
        path = _in_document(document, tuple(error["loc"]))
        if error["type"] == "too_short" and any(_below(e["loc"], error["loc"]) for e in errors):
            continue  # items that are wrong are not counted; they are reported themselves
        message = _sentence(error)
        if error["type"] == "missing":
            path = (*path, error["loc"][-1])
            message += _to_write(model, path)
        if error["type"] == "value_error":
            path, message = _nearer(document, path, message)
        said = by_place.setdefault(path, [])
        if message not in said:
            said.append(message)
    return [problem_at(lines, file, path, _joined(said)) for path, said in by_place.items()]


def _nearer(document: Any, path: Path, message: str) -> tuple[Path, str]:
    """A rule about a whole table that begins with one of its keys is told at that key's line."""
    found = re.match(r"([a-z_0-9]+)(: )?", message)
    if found is None or not _has(_at(document, path), found[1]):
        return path, message
    return (*path, found[1]), message[found.end() :] if found[2] else message


def _below(inner: Path, outer: Path) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _joined(messages: list[str]) -> str:
    if len(messages) > 1 and all(message.startswith("must be ") for message in messages):
        return "must be " + " or ".join(message.removeprefix("must be ") for message in messages)
    return "; ".join(messages)


def _sentence(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context["error"])
    if kind == "tuple_type" and isinstance(error["input"], Mapping):
        return "there can be several: write the table's name in double brackets, [[...]]"
    if kind == "literal_error":
        return _choice(error["input"], str(context["expected"]))
    if kind == "string_pattern_mismatch":
        return f"must be {_PATTERNS.get(context['pattern'], 'a text of the form ' + context['pattern'])}"
    if kind == "union_tag_invalid":
        return f"must be one of {context['expected_tags']}".replace("'", "")
    if kind == "union_tag_not_found":
        return f"needs the key {str(context['discriminator']).strip(chr(39))}"
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length", context.get("max_length"))
        return f"needs at {'least' if kind == 'too_short' else 'most'} {bound} item{'' if bound == 1 else 's'}"
    if kind == "string_too_short":
        return f"needs at least {context['min_length']} characters"
    bounds = {"greater_than": "more than", "greater_than_equal": "at least", "less_than": "less than"}
    bounds["less_than_equal"] = "at most"
    if kind in bounds:
        return f"must be {bounds[kind]} {next(iter(context.values())):g}"
    return _ORDINARY.get(kind) or re.sub(r"^Input should", "should", error["msg"])


def _choice(value: object, expected: str) -> str:
    """The sentence for a key with a fixed set of values; the value is repeated only if short and plain."""
    choices = re.findall(r"'([^']*)'", expected)
    message = f"must be {expected.replace(chr(39), chr(34))}" if choices else f"must be {expected.lower()}"
    if isinstance(value, str):
        near = difflib.get_close_matches(value, choices, n=1, cutoff=0.6)
        return message + (f": did you mean {near[0]!r}?" if near else "")
    return message

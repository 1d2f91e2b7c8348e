"""Reading a study file: text in, a checked definition out, or every fault at once with file, line and field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from analysis.plan import search_tokens
from analysis.study import checks, comparison_checks, survival_checks
from analysis.study.blanks import blanks
from analysis.study.code_checks import code_lists, concept_maps
from analysis.study.faults import check, problem_at
from analysis.study.json_lines import json_lines, line_at
from analysis.study.model import PopulationStudy, Study
from analysis.study.supplement_checks import supplement as supplement_faults
from analysis.study.supplement_file import SupplementRow, read_supplement
from analysis.study.toml_lines import Path, parse
from mappings.codelists import CodeList, ConceptMapping, parse_concept_map, parse_value_set
from mappings.errors import DefinitionError, Problem


@dataclass(frozen=True)
class LoadedStudy:
    """A study with its code lists and concept maps by name. ``tokens`` are the lists' codes as a server is asked for
    them; ``expected`` are the published figures to compare with; ``supplement`` are the rows of its CSV."""

    study: Study | PopulationStudy
    codes: Mapping[str, CodeList] = field(default_factory=dict)
    maps: Mapping[str, ConceptMapping] = field(default_factory=dict)
    tokens: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expected: dict[str, Any] | None = None
    supplement: tuple[SupplementRow, ...] = ()


def files_named(text: str, file: str = "study.toml") -> tuple[str, ...]:
    """The paths, relative to the study folder, of the files a study file needs beside it; sorted.

    Raises:
        DefinitionError: the text is not TOML.
    """
    document, _ = parse(text, file)
    named = {*_code_files(document).values(), *_map_files(document).values()}
    others = [value for _, value in checks.texts(document, "study.published", "supplement.file")]
    return tuple(sorted(path for path in {*named, *others} if _inside(path)))


def load_study(text: str, file: str, files: Mapping[str, str]) -> LoadedStudy:
    """Check a study file.

    ``file`` is its name for messages; ``files`` maps the paths of :func:`files_named` to the files' texts, a file that
    does not exist being absent.

    Raises:
        DefinitionError: with every fault found, each with file, line and field.
    """
    document, lines = parse(text, file)
    if "population" in document:
        return _population(document, lines, file)
    study, fixed, lines, problems = check(Study, document, lines, file)
    every = (*checks.CHECKS, *comparison_checks.CHECKS, *survival_checks.CHECKS)
    faults = [fault for one in every for fault in one(fixed)]
    codes, tokens = _read_lists(fixed, lines, file, files, problems)
    maps = _read_maps(fixed, lines, file, files, problems)
    faults += [*code_lists(fixed, codes), *concept_maps(fixed, maps)]
    used = frozenset(name for _, name in checks.list_names(fixed))
    faults += supplement_faults(fixed, codes, used)
    expected = _read_expected(fixed, lines, file, files, problems)
    problems += [problem_at(lines, file, path, message) for path, message in faults]
    rows = _read_supplement(fixed, study, maps, lines, file, files, problems)
    left = [blank for name, content in {file: text, **files}.items() for blank in blanks(content, name)]
    blank_lines = {(blank.file, blank.line) for blank in left}
    # What is wrong with a blank is that it is one.
    problems = [p for p in problems if (p.file, p.line) not in blank_lines] + left
    if problems or study is None:
        _refuse(file, problems)
    assert study is not None
    return LoadedStudy(study, codes, maps, tokens, expected, rows)


def _population(document: dict[str, Any], lines: dict[Path, int], file: str) -> LoadedStudy:
    beside = sorted(set(document) & set(Study.model_fields) - {"study"} | {"list"} & set(document))
    problems = [
        problem_at(lines, file, (key,), "does not go with [population], which takes whole types and derives nothing")
        for key in beside
    ]
    rest = {key: value for key, value in document.items() if key not in beside}
    study, fixed, lines, found = check(PopulationStudy, rest, lines, file)
    for path, kind in checks.texts(fixed, "population.types.*"):
        if not re.fullmatch(r"[A-Z][A-Za-z]+", kind):
            found.append(problem_at(lines, file, path, "is no FHIR resource type, for instance Patient or Observation"))
    if problems or found or study is None:
        _refuse(file, [*problems, *found])
    assert study is not None
    return LoadedStudy(study)


def _refuse(file: str, problems: list[Problem]) -> None:
    told = dict.fromkeys(sorted(problems, key=lambda p: (p.file != file, p.file, p.line or 0, p.field)))
    count = len(told)
    raise DefinitionError(f"{file} has {'one fault' if count == 1 else f'{count} faults'}:", tuple(told))


def _code_files(document: Mapping[str, Any]) -> dict[str, str]:
    lists = document.get("list")
    out = {}
    for name, use in lists.items() if isinstance(lists, Mapping) else ():
        given = use.get("file") if isinstance(use, Mapping) else None
        out[name] = given if isinstance(given, str) else f"codes/{name}.json"
    return out


def _map_files(document: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"maps/{name}.json" for _, name in checks.map_names(document)}


def _inside(path: str) -> bool:
    """Whether a path stays in the study folder."""
    return not path.startswith(("/", "\\", "~")) and ".." not in re.split(r"[/\\]", path) and ":" not in path


def _read_lists(
    document: Mapping[str, Any],
    lines: Mapping[Path, int],
    file: str,
    files: Mapping[str, str],
    problems: list[Problem],
) -> tuple[dict[str, CodeList], dict[str, tuple[str, ...]]]:
    codes, tokens = {}, {}
    for name, path in _code_files(document).items():
        resource = _json(path, ("list", name), "code list", lines, file, files, problems)
        if resource is None:
            continue
        try:
            codes[name] = parse_value_set(name, resource, path)
            tokens[name] = search_tokens(resource)
        except DefinitionError as error:
            problems += _with_lines(error.problems, files[path])
    return codes, tokens


def _read_maps(
    document: Mapping[str, Any],
    lines: Mapping[Path, int],
    file: str,
    files: Mapping[str, str],
    problems: list[Problem],
) -> dict[str, ConceptMapping]:
    maps: dict[str, ConceptMapping] = {}
    tried: set[str] = set()
    for where, name in checks.map_names(document):
        if name in tried:
            continue
        tried.add(name)
        path = f"maps/{name}.json"
        resource = _json(path, where, "concept map", lines, file, files, problems)
        if resource is None:
            continue
        try:
            maps[name] = parse_concept_map(name, resource, path)
        except DefinitionError as error:
            problems += _with_lines(error.problems, files[path])
    return maps


def _with_lines(problems: Iterable[Problem], text: str) -> list[Problem]:
    """Problems of a JSON file, each with the line of its field."""
    lines = json_lines(text)
    return [replace(one, line=line_at(lines, one.field)) for one in problems]


def _read_expected(
    document: Mapping[str, Any],
    lines: Mapping[Path, int],
    file: str,
    files: Mapping[str, str],
    problems: list[Problem],
) -> dict[str, Any] | None:
    for where, path in checks.texts(document, "study.published"):
        return _json(path, where, "published figures", lines, file, files, problems)
    return None


def _read_supplement(
    document: Mapping[str, Any],
    study: Study | None,
    maps: Mapping[str, ConceptMapping],
    lines: Mapping[Path, int],
    file: str,
    files: Mapping[str, str],
    problems: list[Problem],
) -> tuple[SupplementRow, ...]:
    """The rows of the CSV; they are looked at once the shape of the study file is right."""
    for where, path in checks.texts(document, "supplement.file"):
        text = _text(path, where, "supplement", lines, file, files, problems)
        if text is not None and study is not None and study.supplement is not None:
            rows, found = read_supplement(text, path, study.supplement, maps)
            problems += found
            return rows
    return ()


def _json(
    path: str,
    where: Path,
    what: str,
    lines: Mapping[Path, int],
    file: str,
    files: Mapping[str, str],
    problems: list[Problem],
) -> dict[str, Any] | None:
    """A JSON object from one of the files, or None with a problem noted."""
    text = _text(path, where, what, lines, file, files, problems)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        problems.append(Problem(f"this is not JSON: {error.msg}", line=error.lineno, file=path))
        return None
    if not isinstance(value, dict):
        problems.append(Problem("must be a JSON object: { … }", line=1, file=path))
        return None
    return value


def _text(
    path: str,
    where: Path,
    what: str,
    lines: Mapping[Path, int],
    file: str,
    files: Mapping[str, str],
    problems: list[Problem],
) -> str | None:
    """The text of one of the files, or None with a problem noted."""
    if not _inside(path):
        problems.append(problem_at(lines, file, where, "a file of the study must lie in the study folder"))
        return None
    if path not in files:
        problems.append(problem_at(lines, file, where, f"the {what} is missing: there is no file {path}"))
        return None
    return files[path]

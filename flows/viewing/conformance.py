"""Run a folder of SQL on FHIR test files on one engine and write the public report of what passed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.acceptance.decimals import survives
from flows.engines import ENGINES, EngineChoice, choose, connected
from flows.progress import Progress
from mappings.conformance import case_report, report_of
from mappings.elements import suggestion
from mappings.errors import BedsideError, DefinitionError, Problem

REFERENCE = "reference"
Rows = tuple[list[dict[str, Any]], list[str]]
# (view, resources as parsed, files of the resources by type) to rows and column names
Runner = Callable[[dict[str, Any], list[dict[str, Any]], Mapping[str, Path]], Rows]


@dataclass(frozen=True)
class Suite:
    """One test file. Its resources twice: ``exact`` with decimals, ``lines`` by type as an engine reads them."""

    name: str
    cases: tuple[dict[str, Any], ...]
    exact: list[dict[str, Any]]
    lines: Mapping[str, Sequence[bytes]]


def read_suites(folder: Path) -> list[Suite]:
    """The test files of a folder, by name.

    Raises:
        DefinitionError: there is no such folder, no test file in it, or one is of another format.
    """
    if not folder.is_dir():
        raise DefinitionError(f"there is no folder {folder}")
    files = sorted(folder.glob("*.json"))
    if not files:
        raise DefinitionError(f"the folder {folder} holds no .json file")
    suites, problems = [], []
    for file in files:
        try:
            suites.append(_suite(file))
        except ValueError as error:
            problems.append(Problem(str(error), file=file.name))
    if problems:
        raise DefinitionError("these are no SQL on FHIR test files:", tuple(problems))
    return suites


def _suite(file: Path) -> Suite:
    try:
        text = file.read_text(encoding="utf-8")
        raw = json.loads(text, parse_float=Decimal)
        # As acceptance leaves them: a number that a double would change is a text.
        kept = json.loads(text, parse_float=lambda number: float(number) if survives(number.encode()) else number)
    except (OSError, ValueError, RecursionError):
        raise ValueError("is no JSON") from None
    found = raw if isinstance(raw, dict) else {}
    for key in ("resources", "tests"):
        if not isinstance(found.get(key), list) or not all(isinstance(one, dict) for one in found[key]):
            raise ValueError(f"{key}: is missing, or is no list of objects")
    lines: dict[str, list[bytes]] = {}
    for resource in kept["resources"]:
        lines.setdefault(str(resource.get("resourceType")), []).append(json.dumps(resource).encode() + b"\n")
    return Suite(file.name, tuple(found["tests"]), found["resources"], lines)


def run_suites(suites: Sequence[Suite], engine: str, master: str | None, progress: Progress) -> dict[str, Any]:
    """The report of all cases on an engine: ``duckdb``, ``spark`` or ``reference`` (the interpreter)."""
    total, done = sum(len(suite.cases) for suite in suites), 0
    entries: dict[str, list[dict[str, Any]]] = {}
    with _runner(engine, master) as run, TemporaryDirectory(prefix="bedside-view-") as scratch:
        for number, suite in enumerate(suites):
            files = _written(suite, Path(scratch) / str(number))
            entries[suite.name] = []
            for case in suite.cases:
                progress("cases", done, total)
                entries[suite.name].append(_case(case, suite, files, run))
                done += 1
    progress("cases", total, total)
    return report_of(entries)


def _written(suite: Suite, folder: Path) -> dict[str, Path]:
    folder.mkdir()
    files = {}
    for number, (type_, lines) in enumerate(suite.lines.items()):
        files[type_] = folder / f"{number}.ndjson"
        files[type_].write_bytes(b"".join(lines))
    return files


def _case(case: dict[str, Any], suite: Suite, files: Mapping[str, Path], run: Runner) -> dict[str, Any]:
    try:
        rows, columns = run(case.get("view") or {}, suite.exact, files)
    except DefinitionError as error:
        return case_report(case, None, refusal=str(error))
    except BedsideError as error:  # not a refusal of the view: it fails also where one is expected
        made = case_report({**case, "expectError": False}, None, refusal=str(error))
        return {"name": made["name"], "result": made["result"]}
    return case_report(case, rows, columns)


@contextmanager
def _runner(engine: str, master: str | None) -> Iterator[Runner]:
    if engine == REFERENCE:
        if master is not None:
            raise DefinitionError("--master is the address of a Spark: say --engine spark too")
        yield _on_reference
        return
    if engine not in ENGINES:
        known = (*ENGINES, REFERENCE)
        raise DefinitionError(f"there is no engine {engine!r}{suggestion(engine, known)} ({', '.join(known)})")
    choice: EngineChoice = choose(engine, master)
    with connected(choice) as con:
        yield _OnEngine(con)


def _on_reference(view: dict[str, Any], resources: list[dict[str, Any]], files: Mapping[str, Path]) -> Rows:
    from mappings import interpreter
    from mappings.viewdefinition import parse_view

    del files
    made = parse_view(view)
    return list(interpreter.rows(made, resources)), [column.name for column in made.columns]


@dataclass(frozen=True)
class _OnEngine:
    con: Any

    def __call__(self, view: dict[str, Any], resources: list[dict[str, Any]], files: Mapping[str, Path]) -> Rows:
        from mappings import engine
        from mappings.compiler import compile_view
        from mappings.viewdefinition import parse_view

        del resources
        compiled = compile_view(parse_view(view))
        mine = [str(file) for type_, file in files.items() if type_ == compiled.resource_type]
        with engine.clear_errors(""):
            table = engine.of(self.con).arrow(self.con, compiled.query(self.con, mine))
        return table.to_pylist(), table.column_names

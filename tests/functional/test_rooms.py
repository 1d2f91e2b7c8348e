"""The rooms and the walls between them. Oracle: docs/architecture.md, CONTRIBUTING.md, the contracts in pyproject.toml
as import-linter reads them, and Python's own list of standard-library modules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.entry import ROOMS
from tests.conftest import REPOSITORY

LONGEST = 400
LONGER_FOR_A_REASON: dict[str, str] = {}
"""Modules past the length, each with why no seam was found. Empty is how it should stay."""

HEAVY = ("great_expectations", "lifelines", "statsmodels", "scipy", "prefect", "pandas", "ibis", "duckdb")
"""Seconds to import; nothing that every command reads may ask for them while it is imported."""

MODULES = sorted(path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_there_are_modules_to_look_at() -> None:
    assert {path.relative_to(REPOSITORY).parts[0] for path in MODULES} == set(ROOMS)


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    """Prefect puts a flow file's folder on sys.path, where such a name would shadow the real one."""
    names = {name_of(p): p.parent.name if p.stem == "__init__" else p.stem for p in MODULES}
    assert [module for module, name in names.items() if name in sys.stdlib_module_names] == []


def test_no_module_is_long_without_a_reason() -> None:
    tests = (p for p in (REPOSITORY / "tests").rglob("*.py") if "node_modules" not in p.parts)
    long = {name_of(p) for p in (*MODULES, *tests) if len(p.read_text(encoding="utf-8").splitlines()) > LONGEST}
    assert long == set(LONGER_FOR_A_REASON)


def test_every_module_says_what_it_is_for() -> None:
    silent = [name_of(p) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []


def test_import_contracts_hold() -> None:
    """As ``lint-imports`` of ``make lint``: the layers, no network below flows, no Prefect in the client."""
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("wants import-linter")
    found = subprocess.run([linter, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, timeout=200)
    assert found.returncode == 0, found.stdout
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert f"{len(contracts['contracts'])} kept, 0 broken" in found.stdout


def imports_at_once(path: Path) -> Iterator[str]:
    """Top-level packages a module imports while it is itself imported: not in functions, not for type checkers."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        waiting += ast.iter_child_nodes(node)


def test_great_expectations_is_imported_by_one_module_and_late() -> None:
    who = [p for p in MODULES if re.search(r"^\s*(import|from) great_expectations", p.read_text("utf-8"), re.MULTILINE)]
    gx, custom = "expectations/gx.py", "expectations/gx_custom.py"
    assert [name_of(p) for p in who] == [gx, custom]
    assert "great_expectations" not in set(imports_at_once(REPOSITORY / gx))
    # Its one rule of our own is a class of the library's, so that module is imported late, and by the other alone.
    users = [p for p in MODULES if "expectations.gx_custom" in p.read_text("utf-8")]
    assert [name_of(p) for p in users] == [gx]
    assert not re.search(r"^from expectations.gx_custom", users[0].read_text("utf-8"), re.MULTILINE)


def test_prefect_is_imported_at_once_only_where_it_is_the_subject() -> None:
    assert [name_of(p) for p in MODULES if "prefect" in set(imports_at_once(p))] == ["flows/orchestrate.py"]


@pytest.mark.parametrize("room", ["flows/cli", "flows/entry.py"])
def test_the_command_line_imports_nothing_heavy_at_once(room: str) -> None:
    found = {
        f"{name_of(p)}: {package}"
        for p in MODULES
        if name_of(p).startswith(room)
        for package in imports_at_once(p)
        if package in HEAVY
    }
    assert found == set()


def test_no_study_is_known_to_the_code() -> None:
    """Issue 3: nothing in the code knows a study but its folder."""
    studies = [path.name for path in (REPOSITORY / "studies").iterdir() if (path / "study.toml").is_file()]
    assert studies
    knowing = [
        f"{name_of(p)}: {node.value!r}"
        for p in MODULES
        for node in _strings_that_run(ast.parse(p.read_text(encoding="utf-8")))
        if any(study in node.value for study in studies) and not _is_help(node.value)
    ]
    assert knowing == []


def _strings_that_run(tree: ast.Module) -> Iterator[ast.Constant]:
    """String constants that are no docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def _is_help(text: str) -> bool:
    """A help text may name the study that comes with Bedside as an example."""
    return "for instance" in text

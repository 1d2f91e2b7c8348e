"""Every test that a page of docs/ names is in the repository. Oracle: the test files, read as Python."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

BEHAVIOURS = REPOSITORY / "docs" / "behaviours.md"
RULES = REPOSITORY / "docs" / "rules.md"
PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
NAMED = re.compile(r"`(?:[\w/]*/)?(test_\w+\.py)::(test_\w+)`")
ALONE = re.compile(r"`(test_[\w*]+)`")


@pytest.fixture(scope="module")
def tests() -> dict[str, set[str]]:
    """The tests of each file, by its name alone."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        assert path.name not in found, "two test files of one name: a page could not say which"
        tree = ast.walk(ast.parse(path.read_text()))
        functions = (node.name for node in tree if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        found[path.name] = {name for name in functions if name.startswith("test_")}
    return found


def rows(page: Path) -> list[str]:
    """The rows of a page's tables without their heads."""
    lines = page.read_text().splitlines()
    heads = {place - 1 for place, line in enumerate(lines) if line.startswith("|---")}
    return [
        line
        for place, line in enumerate(lines)
        if line.startswith("|") and place not in heads and not line.startswith("|---")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_is_there(page: Path, tests: dict[str, set[str]]) -> None:
    text = page.read_text()
    assert [(file, name) for file, name in NAMED.findall(text) if name not in tests.get(file, set())] == []
    every = {name for names in tests.values() for name in names}
    assert [name for name in ALONE.findall(text) if not any(fnmatchcase(each, name) for each in every)] == []


def test_every_behaviour_has_a_test() -> None:
    found = rows(BEHAVIOURS)
    assert [row for row in found if not NAMED.search(row.rsplit(" | ", 1)[-1])] == []
    assert len(found) == len(set(found)) > 100


def test_every_rule_has_a_test_and_an_oracle_or_is_called_open() -> None:
    found = rows(RULES)
    named = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in found]
    assert [cells for cells in named if len(cells) != 3] == []
    held = [cells for cells in named if not cells[1].startswith("*open*")]
    assert [rule for rule, tests, oracle in held if not NAMED.search(tests) or not oracle] == []
    assert len(found) == len({rule for rule, _, _ in named}) > 50
    assert len(held) > 45

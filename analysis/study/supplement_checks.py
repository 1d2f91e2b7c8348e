"""What ``[supplement]`` must be beyond its shape: its names lead somewhere, and something is derived from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.study.checks import Document, Fault, texts
from analysis.study.faults import did_you_mean
from mappings.codelists import CodeList


def supplement(document: Document, codes: Mapping[str, CodeList], used: frozenset[str]) -> Iterator[Fault]:
    """Faults of the variables. ``codes`` are the lists that could be read, ``used`` those that the study looks at."""
    lists = document.get("list")
    declared: Mapping[str, Any] = lists if isinstance(lists, Mapping) else {}
    for path, listed in texts(document, "supplement.variable.*.list", "supplement.variable.*.site"):
        if listed not in declared:
            yield path, f"no [list.{listed}] is declared{did_you_mean(listed, declared)}"
        elif listed in codes and not codes[listed].entries:
            yield path, f"list {listed} holds no plain code: give it one, a row needs a code to stand under"
    for path, listed in texts(document, "supplement.variable.*.list"):
        if not isinstance(declared.get(listed), Mapping):
            continue
        tables = declared[listed].get("table")
        if "observation" not in ([tables] if isinstance(tables, str) else tables or []):
            yield path, f"rows become Observations: [list.{listed}] must be looked for in the table observation"
        elif listed not in used:
            yield path, f"nothing else in the study looks at list {listed}: its rows would change nothing"

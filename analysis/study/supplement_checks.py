"""What ``[supplement]`` must be beyond its shape: its names lead somewhere, and something is derived from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.study.faults import did_you_mean
from analysis.study.toml_lines import Path
from mappings.codelists import CodeList

Fault = tuple[Path, str]


def supplement(document: Mapping[str, Any], codes: Mapping[str, CodeList], used: frozenset[str]) -> Iterator[Fault]:
    """Faults of the variables. ``codes`` are the lists that could be read, ``used`` those that the study looks at."""
    lists = document.get("list")
    declared: Mapping[str, Any] = lists if isinstance(lists, Mapping) else {}
    asked = document.get("supplement")
    variables = asked.get("variable") if isinstance(asked, Mapping) else None
    for name, one in variables.items() if isinstance(variables, Mapping) else ():
        path: Path = ("supplement", "variable", name)
        if not isinstance(one, Mapping):
            continue
        for key in ("list", "site"):
            listed = one.get(key)
            if not isinstance(listed, str):
                continue
            if listed not in declared:
                yield (*path, key), f"no [list.{listed}] is declared{did_you_mean(listed, declared)}"
            elif listed in codes and not codes[listed].entries:
                yield (*path, key), f"list {listed} holds no plain code: give it one, a row needs a code to stand under"
        listed = one.get("list")
        if isinstance(listed, str) and isinstance(declared.get(listed), Mapping):
            tables = declared[listed].get("table")
            if "observation" not in ([tables] if isinstance(tables, str) else tables or []):
                yield (
                    (*path, "list"),
                    f"rows become Observations: [list.{listed}] must be looked for in the table observation",
                )
            elif listed not in used:
                yield (
                    (*path, "list"),
                    f"nothing else in the study looks at list {listed}: its rows would change nothing",
                )

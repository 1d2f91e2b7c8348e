"""Parts that the pages of several benchmarks have in common. Pure: lines of Markdown from results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

REACHED = {None: "not measured", True: "yes", False: "**no**"}


def measured_on(results: Mapping[str, Any]) -> Iterator[str]:
    """The machine, the load while measuring and the versions, three lines of one sentence and a half."""
    machine, load = results["machine"], results["load"]
    yield f"Measured on {machine['cores']} cores ({machine['processor']}, {machine['memory_gib']} GiB,"
    yield f"{machine['system']}), Python {machine['python']}, at a load of {load['least']:g} to {load['most']:g}"
    yield f"(others' and its own). {', '.join(f'{name} {number}' for name, number in results['versions'].items())}."


def targets(results: Mapping[str, Any]) -> Iterator[str]:
    """The table of targets that have one figure each (``target``, ``wanted``, ``measured``, ``met``)."""
    yield "## Targets"
    yield ""
    yield "| Target | Wanted | Measured | Reached |"
    yield "|---|---|---|---|"
    for target in results["targets"]:
        yield f"| {target['target']} | {target['wanted']} | {target['measured']:.2f} | {REACHED[target['met']]} |"
    yield ""


def worst_cases(results: Mapping[str, Any], between: str) -> Iterator[str]:
    """The table of targets that hold in several cases (``target``, ``bound``, ``worst``, ``met``, ``each``).

    A target with ``at_most`` true has an upper bound; ``between`` parts the cases.
    """
    yield "## Targets"
    yield ""
    yield "| Target | Wanted | Worst case measured | Reached | Each |"
    yield "|---|---|---|---|---|"
    for target in results["targets"]:
        sign = "at most" if target.get("at_most") else "at least"
        each = between.join(f"{where}: {value:g}" for where, value in target["each"].items())
        worst = "" if target["worst"] is None else f"{target['worst']:g}"
        reached = REACHED[target["met"]]
        yield f"| {target['target']} | {sign} {target['bound']:g} | {worst} | {reached} | {each} |"
    yield ""

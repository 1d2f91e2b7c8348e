"""``quality.toml`` beside ``study.toml``: who lets a check pass and until when, and which problems are known.

It is no part of the study: it changes neither what is asked nor the study's hash, and every override is printed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import Field

from analysis.study.base import Frozen
from analysis.study.faults import check
from analysis.study.own_checks import CheckId
from analysis.study.toml_lines import parse
from expectations.frames import FRAMES
from expectations.gate import Override
from expectations.raw_views import VIEWS
from mappings.elements import is_resource
from mappings.errors import DefinitionError, Problem

GATE_FILE = "quality.toml"
LONGEST_DAYS = 366
"""No override lasts longer: what is right for ever belongs into the study's thresholds."""


class _OfAProblem(Frozen):
    """Which outcomes somebody speaks of, and who."""

    check: CheckId
    site: str = ""
    table: str = ""
    name: str = Field(min_length=1)


class _Override(_OfAProblem):
    reason: str = Field(min_length=1)
    expires: date
    up_to: float = Field(100.0, ge=0, le=100)
    errors: bool = False


class Acknowledged(_OfAProblem):
    """A problem somebody knows of; the dashboard says who. ``until``: from then on it counts as new again."""

    note: str = Field(min_length=1)
    until: date


class _File(Frozen):
    override: tuple[_Override, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()


@dataclass(frozen=True)
class GateFile:
    """What the file says, and the problems it has with today's catalogue and sites."""

    overrides: tuple[Override, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()


def read_gate_file(folder: Path, checks: Collection[str], sites: tuple[str, ...] | None, today: date) -> GateFile:
    """Read ``quality.toml`` of a study folder; without one nothing is overridden. ``sites`` None: any may be named.

    Raises:
        DefinitionError: a fault of shape, a check or site that does not exist, an override that expires later than a
            year from today. One that has expired is no fault: it lets nothing pass any more.
    """
    path = folder / GATE_FILE
    if not path.is_file():
        return GateFile()
    document, lines = parse(path.read_text(encoding="utf-8"), GATE_FILE)
    made, _, lines, problems = check(_File, document, lines, GATE_FILE)
    if made is not None:
        problems = [*problems, *_problems(made, checks, sites, today)]
    if problems or made is None:
        raise DefinitionError(f"{GATE_FILE} cannot be used:", tuple(problems))
    overrides = tuple(
        Override(o.check, o.name, o.reason, o.expires, o.site, o.table, o.up_to, o.errors) for o in made.override
    )
    return GateFile(overrides, made.acknowledged)


def _problems(made: _File, checks: Collection[str], sites: tuple[str, ...] | None, today: date) -> list[Problem]:
    problems = []
    for key in ("override", "acknowledged"):
        for at, one in enumerate(getattr(made, key)):
            where = f"{key}[{at + 1}]"
            if one.check not in checks:
                problems.append(Problem("no such check; docs/quality-checks.md lists them", f"{where}.check"))
            if one.site and sites is not None and one.site not in sites:
                problems.append(Problem("no such site in the sites file", f"{where}.site"))
            if one.table and one.table not in {*VIEWS, *FRAMES} and not is_resource(one.table):
                problems.append(Problem("no such table, and no resource type", f"{where}.table"))
    for at, override in enumerate(made.override):
        if (override.expires - today).days > LONGEST_DAYS:
            message = "lies more than a year ahead: name an earlier day, or change the study's threshold"
            problems.append(Problem(message, f"override[{at + 1}].expires"))
    return problems

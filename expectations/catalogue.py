"""The catalogue of checks, read from ``checks/*.toml``, and as a study and its sites change it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from analysis.study.model import PopulationStudy, Study
from analysis.study.own_checks import SiteCheckRules
from expectations.frames import FRAMES
from expectations.model import Check
from expectations.raw_views import VIEWS
from mappings.errors import DefinitionError, Problem

FILES = ("raw", "history", "analysis")


@cache
def catalogue() -> tuple[Check, ...]:
    """Every check, file by file and in the order of each file; ids are unique."""
    texts = [files("expectations").joinpath("checks", f"{name}.toml").read_text(encoding="utf-8") for name in FILES]
    checks = tuple(Check.model_validate(one) for text in texts for one in tomllib.loads(text).get("check", ()))
    ids = [check.id for check in checks]
    if len(set(ids)) != len(ids):
        raise ValueError("the catalogue names a check twice")
    return checks


def raw_checks() -> tuple[Check, ...]:
    """The checks of the catalogue on tables as mapped, whose violations are counted."""
    return tuple(check for check in catalogue() if check.rule.kind == "counted")


@dataclass(frozen=True)
class Asked:
    """The checks of one run: those of the study, and what single sites change or add."""

    checks: Mapping[str, Check]
    of_sites: Mapping[str, Mapping[str, Check]] = field(default_factory=dict)

    def at(self, check_id: str, site: str = "") -> Check:
        """A check as it holds at a site; ``site`` empty: for the study."""
        return self.of_sites.get(site, {}).get(check_id) or self.checks[check_id]

    def own_of(self, site: str) -> tuple[Check, ...]:
        """The checks that only this site asks."""
        return tuple(check for name, check in self.of_sites.get(site, {}).items() if name not in self.checks)


def asked_of(study: Study | PopulationStudy | None, sites: Mapping[str, SiteCheckRules] | None = None) -> Asked:
    """The catalogue with what the study's file says of it, and each site's.

    Raises:
        DefinitionError: an action or threshold for a check that does not exist, or an own check with a taken id.
    """
    rules = study.checks if study is not None else SiteCheckRules()
    problems: list[Problem] = []
    checks = _changed({check.id: check for check in catalogue()}, rules, "checks", problems)
    of_sites = {}
    for site, own in (sites or {}).items():
        changed = _changed(dict(checks), own, f"site {site}: checks", problems)
        of_sites[site] = {name: check for name, check in changed.items() if checks.get(name) is not check}
    if problems:
        raise DefinitionError("checks that are changed or added cannot be used:", tuple(problems))
    return Asked(checks, of_sites)


def analysis_checks(study: Study, asked: Asked) -> tuple[Check, ...]:
    """The checks on analysis tables that this study can be asked, without those of single sites."""
    return tuple(
        check
        for check in asked.checks.values()
        if check.rule.kind != "gate" and not check.raw and can_be_asked(study, check)
    )


def can_be_asked(study: Study, check: Check) -> bool:
    """Whether the study has what the check looks at: a covariate, a response, lesions, a supplement, imaging."""
    column = getattr(check.rule, "column", None)
    response = study.response
    if column in {"age", "sex"} and column not in set(study.covariate):
        return False
    if check.table in {"responses", "assessments"} and response is None:
        return False
    if check.table == "assessments" and column == "IMAGING":
        return response is not None and response.imaging is not None
    if check.table == "derived_responses":
        return response is not None and response.lesions is not None
    return not (check.table == "reviewed" and study.supplement is None)


def _changed(checks: dict[str, Check], rules: SiteCheckRules, where: str, problems: list[Problem]) -> dict[str, Check]:
    for one in rules.own:
        if one.id in checks:
            problems.append(Problem("there is a check of this id already", f"{where}.own.{one.id}"))
        if one.table not in {*VIEWS, *FRAMES}:
            message = f"no such table; there are {', '.join(sorted([*VIEWS, *FRAMES]))}"
            problems.append(Problem(message, f"{where}.own.{one.id}.table"))
        elif one.table in VIEWS and one.rule.kind == "unique":
            message = "unique is asked of analysis tables only: resource_id_unique looks at those as mapped"
            problems.append(Problem(message, f"{where}.own.{one.id}.rule"))
        checks[one.id] = Check.model_validate(one.model_dump())
    for key, name in (("actions", "action"), ("thresholds", "threshold"), ("stop_above", "stop_above")):
        for check_id, value in getattr(rules, key).items():
            if check_id not in checks:
                message = "no such check; docs/quality-checks.md lists them"
                problems.append(Problem(message, f"{where}.{key}.{check_id}"))
            else:
                checks[check_id] = checks[check_id].model_copy(update={name: value})
    return checks

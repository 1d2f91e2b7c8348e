"""The catalogue of checks, read from ``checks/*.toml``, and as a study and its sites change it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from analysis.study.model import PopulationStudy, Study
from analysis.study.own_checks import OwnCheck, SiteCheckRules
from expectations.frames import FRAMES
from expectations.model import Check
from expectations.raw_views import VIEWS
from expectations.table_profile import PROFILED, clinical_dates
from mappings.errors import DefinitionError, Problem

FILES = ("raw", "history", "analysis")
DROPPED = "subjects_dropped_by_checks"
OF_THE_STUDY = ("flow", "types")
"""Frames whose rows are of no site."""


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

    @property
    def names(self) -> frozenset[str]:
        """The ids of all, those of single sites too."""
        return frozenset(self.checks).union(*self.of_sites.values())

    def own_of(self, site: str) -> tuple[Check, ...]:
        """The checks that only this site asks."""
        return tuple(check for name, check in self.of_sites.get(site, {}).items() if name not in self.checks)


def asked_of(study: Study | PopulationStudy | None, sites: Mapping[str, SiteCheckRules] | None = None) -> Asked:
    """The catalogue with what the study's file says of it, and each site's.

    Raises:
        DefinitionError: an action or threshold for a check that does not exist, or an own check that cannot be asked.
    """
    rules = study.checks if study is not None else SiteCheckRules()
    tables = (*VIEWS, *FRAMES) if isinstance(study, Study) else tuple(VIEWS)
    problems: list[Problem] = []
    checks = _changed({check.id: check for check in catalogue()}, rules, "checks", tables, problems)
    if isinstance(study, Study) and DROPPED not in study.checks.thresholds:
        checks[DROPPED] = checks[DROPPED].model_copy(update={"threshold": study.checks.stop_above_percent})
    of_sites: dict[str, dict[str, Check]] = {}
    for site, own in (sites or {}).items():
        where = f"site {site}: checks"
        problems += _not_a_sites(checks, own, where)
        changed = _changed(dict(checks), own, where, tables, problems)
        of_sites[site] = {name: check for name, check in changed.items() if checks.get(name) is not check}
    problems += _told_apart(checks, of_sites)
    if problems:
        raise DefinitionError("checks that are changed or added cannot be used:", tuple(problems))
    return Asked(checks, of_sites)


def _not_a_sites(checks: Mapping[str, Check], own: SiteCheckRules, where: str) -> list[Problem]:
    """What a site cannot say: how the study as a whole is judged."""
    problems = []
    for key in ("actions", "thresholds", "stop_above"):
        for name in getattr(own, key):
            if name in checks and checks[name].scope == "study":
                problems.append(
                    Problem("is judged for the study: change it in the study file", f"{where}.{key}.{name}")
                )
    for one in own.own:
        if one.scope == "study" or one.table in OF_THE_STUDY:
            problems.append(
                Problem("a site's check is of its own rows: write it into the study file", f"{where}.own.{one.id}")
            )
    return problems


def _told_apart(checks: Mapping[str, Check], of_sites: Mapping[str, Mapping[str, Check]]) -> list[Problem]:
    """Two sites may share a check, but not one name for two."""
    seen: dict[str, Check] = {}
    problems = []
    for site, own in of_sites.items():
        for name, check in own.items():
            first = seen.setdefault(name, check)
            if name not in checks and (first.table, first.rule) != (check.table, check.rule):
                message = "another site's check of this id asks something else: name one of them otherwise"
                problems.append(Problem(message, f"site {site}: checks.own.{name}"))
    return problems


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


def _changed(
    checks: dict[str, Check], rules: SiteCheckRules, where: str, tables: Sequence[str], problems: list[Problem]
) -> dict[str, Check]:
    for one in rules.own:
        problems += [Problem(message, f"{where}.own.{one.id}{key}") for key, message in _unfit(one, checks, tables)]
        checks[one.id] = Check.model_validate(one.model_dump())
    for key, name in (("actions", "action"), ("thresholds", "threshold"), ("stop_above", "stop_above")):
        for check_id, value in getattr(rules, key).items():
            if check_id not in checks:
                message = "no such check; docs/quality-checks.md lists them"
                problems.append(Problem(message, f"{where}.{key}.{check_id}"))
            else:
                checks[check_id] = checks[check_id].model_copy(update={name: value})
    dated = sorted(name for name, view in PROFILED.items() if clinical_dates(view))
    for table in rules.newest_within_days:
        if table not in dated:
            message = f"no table whose records have a day; there are {', '.join(dated)}"
            problems.append(Problem(message, f"{where}.newest_within_days.{table}"))
    return checks


def _unfit(one: OwnCheck, checks: Mapping[str, Check], tables: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The keys of an own check that cannot be used, and why."""
    if one.id in checks:
        yield "", "there is a check of this id already"
    if one.table not in tables:
        yield ".table", f"no such table; there are {', '.join(sorted(tables))}"
    elif one.table in VIEWS and one.rule.kind == "unique":
        yield ".rule", "unique is asked of analysis tables only: resource_id_unique looks at those as mapped"
    elif one.table in VIEWS and isinstance(getattr(one.rule, "values", None), str):
        yield ".rule", "@arms and @responses are known to analysis tables only: write the values"

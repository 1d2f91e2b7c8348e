"""The catalogue of checks, read from ``checks/*.toml`` and narrowed to a study."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from analysis.study.model import CheckRules, Study
from expectations.model import Check
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


def raw_checks(rules: CheckRules | None = None) -> tuple[Check, ...]:
    """The checks on tables as mapped."""
    return tuple(check for check in _with_rules(rules) if check.raw)


def analysis_checks(study: Study) -> tuple[Check, ...]:
    """The checks on analysis tables that this study can be asked."""
    covariates = set(study.covariate)
    asked = []
    for check in _with_rules(study.checks):
        column = getattr(check.rule, "column", None)
        if check.raw or (column in {"age", "sex"} and column not in covariates):
            continue
        if check.table in {"responses", "assessments"} and study.response is None:
            continue
        asked.append(check)
    return tuple(asked)


def _with_rules(rules: CheckRules | None) -> tuple[Check, ...]:
    checks = catalogue()
    if rules is None:
        return checks
    unknown = sorted(set(rules.actions) - {check.id for check in checks})
    if unknown:
        raise DefinitionError(
            "the study file gives actions to checks that do not exist",
            tuple(
                Problem("no such check; expectations/checks lists them", f"checks.actions.{name}") for name in unknown
            ),
        )
    return tuple(
        check.model_copy(update={"action": rules.actions[check.id]}) if check.id in rules.actions else check
        for check in checks
    )

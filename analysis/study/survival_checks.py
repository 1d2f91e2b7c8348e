"""What the strata of a study must be, and landmarks by response; checks of the parsed document, as ``checks.py``'s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.study.faults import did_you_mean
from analysis.study.survival import SITE
from analysis.study.toml_lines import Path


def strata(document: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Strata that are no covariate, or one without categories."""
    found: Any = document
    for key in ("analysis", "survival", "strata"):
        found = found.get(key) if isinstance(found, Mapping) else None
    covariates = document.get("covariate")
    covariates = covariates if isinstance(covariates, Mapping) else {}
    for position, name in enumerate(found if isinstance(found, list) else ()):
        path: Path = ("analysis", "survival", "strata", position)
        if not isinstance(name, str) or name == SITE:
            continue
        if name not in covariates:
            yield path, f'is neither "site" nor a covariate{did_you_mean(name, (SITE, *covariates))}'
        elif isinstance(covariates[name], Mapping) and not {"cut", "levels"} & set(covariates[name]):
            yield path, f"{name} has no categories: strata need cut points or levels"


def by_response(document: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Landmarks by response in a study without response."""
    found: Any = document
    for key in ("analysis", "survival", "by_response"):
        found = found.get(key) if isinstance(found, Mapping) else None
    if found and "response" not in document:
        yield ("analysis", "survival", "by_response"), "needs a [response]: without one nobody is a responder"

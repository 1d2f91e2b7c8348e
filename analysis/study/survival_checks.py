"""What the strata of a study must be, and landmarks by response; checks of the parsed document, as ``checks.py``'s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.study.faults import did_you_mean
from analysis.study.survival import SITE
from analysis.study.toml_lines import Path


def strata(document: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Strata that are no covariate, or one without categories."""
    yield from _of(document, ("analysis", "survival", "strata"))
    sets = _at(document, ("analysis", "sensitivity"))
    for position in range(len(sets) if isinstance(sets, list) else 0):
        yield from _of(document, ("analysis", "sensitivity", position, "set", "strata"))


def _at(document: Any, path: Path) -> Any:
    for key in path:
        if isinstance(document, list) and isinstance(key, int):
            document = document[key]
        else:
            document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _of(document: Mapping[str, Any], place: Path) -> Iterator[tuple[Path, str]]:
    found = _at(document, place)
    covariates = document.get("covariate")
    covariates = covariates if isinstance(covariates, Mapping) else {}
    for position, name in enumerate(found if isinstance(found, list) else ()):
        path: Path = (*place, position)
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

"""What the strata of a study must be, and landmarks by response; checks of the parsed document, as ``checks.py``'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from analysis.study.checks import Document, Fault, get, texts
from analysis.study.faults import did_you_mean
from analysis.study.survival import SITE


def strata(document: Document) -> Iterator[Fault]:
    """Strata that are no covariate, or one without categories."""
    found = document.get("covariate")
    covariates = found if isinstance(found, Mapping) else {}
    for path, name in texts(document, "analysis.survival.strata.*", "analysis.sensitivity.*.set.strata.*"):
        if name == SITE:
            continue
        if name not in covariates:
            yield path, f'is neither "site" nor a covariate{did_you_mean(name, (SITE, *covariates))}'
        elif isinstance(covariates[name], Mapping) and not {"cut", "levels"} & set(covariates[name]):
            yield path, f"{name} has no categories: strata need cut points or levels"


def by_response(document: Document) -> Iterator[Fault]:
    """Landmarks by response in a study without response."""
    if get(document, "analysis", "survival", "by_response") and "response" not in document:
        yield ("analysis", "survival", "by_response"), "needs a [response]: without one nobody is a responder"


CHECKS: tuple[Callable[[Document], Iterator[Fault]], ...] = (strata, by_response)

"""What the parts of a study file about a fair comparison must be beyond their shape: weighting, and what endpoints see.

As in ``checks.py``: each check looks at the parsed document and yields the path of a fault and a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from analysis.study.base import last_day
from analysis.study.checks import Document, Fault, at, texts
from analysis.study.faults import did_you_mean


def weighting(document: Document) -> Iterator[Fault]:
    """Covariates of the propensity score that do not exist, or cannot enter as numbers."""
    declared = document.get("covariate")
    declared = declared if isinstance(declared, Mapping) else {}
    named = {name for _, name in texts(document, "analysis.weighting.covariates.*")}
    for path, name in texts(document, "analysis.weighting.covariates.*"):
        if name not in declared:
            yield path, f"there is no [covariate.{name}]{did_you_mean(name, declared)}"
    for path, name in texts(document, "analysis.weighting.linear.*"):
        one = declared.get(name)
        if name not in named:
            yield path, f"{name!r} is not among the covariates of the weighting{did_you_mean(name, named)}"
        elif isinstance(one, Mapping) and ("levels" in one or name == "sex"):
            yield path, f"[covariate.{name}] has levels: linear is for numbers that models cut"
    for path, _ in at(document, "analysis.weighting"):
        arms = document.get("arm")
        if isinstance(arms, list) and len(arms) > 2:
            yield path, f"weighting compares two arms, and this study has {len(arms)}"
    for path, _ in at(document, "analysis.sensitivity.*.set.weighting"):
        if not list(at(document, "analysis.weighting")):
            yield path, "there is no weighting in [analysis], whose covariates the propensity score is made of"


def follow_up(document: Document) -> Iterator[Fault]:
    """Endpoints by which a subject of whom nothing is known after the index counts as free of the event."""
    for path, moment in texts(document, "endpoint.*.censors.*.at"):
        # The latest source counts, and nothing is later than the cut-off: beside it the others say nothing.
        if moment == "cutoff":
            yield (
                path[:-1],
                "the latest source counts, so none but the cut-off ever does: a subject of whom nothing is recorded "
                'would count as free of the event to the end; say last = "evidence alive" (a site whose deaths are '
                'complete says so in sites.toml), or last = "adequate assessment"',
            )


def reasons(document: Document) -> Iterator[Fault]:
    """Criteria that look after the index and name their sensitivity analysis, but give no reason."""
    for path, words in texts(document, "criterion.*.after_index"):
        rest = re.sub(r"sensitivity(?: analysis)?:? ?[a-z0-9-]*", "", words)
        if "sensitivity" in words and not re.search(r"[A-Za-z]{2}", rest):
            yield (
                path,
                'gives no reason: say why before the sensitivity analysis, "as published; sensitivity all-treated"',
            )


def immortal(document: Document) -> Iterator[Fault]:
    """Arms defined by what happens after the index date: their subjects cannot have the event until then."""
    landmark = next((day for _, day in at(document, "index.landmark") if isinstance(day, int)), 0)
    for path, window in texts(document, "arm.*.all.*.window"):
        last = last_day(window)
        # Of a wrong shape another check speaks.
        if last is None or (last != "open" and last <= landmark):
            continue
        if landmark:
            yield path, f"an arm cannot be defined by what happens after the landmark: end the window at {landmark}"
        else:
            yield (
                path,
                "an arm defined by what happens after the index date makes its subjects immortal until then: end the "
                "window at 0, or name a landmark ([index] landmark = 28: those who reach day 28, time from it)",
            )


CHECKS: tuple[Callable[[Document], Iterator[Fault]], ...] = (weighting, follow_up, reasons, immortal)
"""The checks that need the document only."""

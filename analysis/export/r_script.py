"""An R script that recomputes the main figures of a study from its data sets and holds them beside ours.

``recompute.R`` has the statistics, in base R and its survival package alone; what is the study's own (arms, covariates,
endpoints, conventions) is written above it from the study file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from analysis.stats.cohort import DAYS

if TYPE_CHECKING:
    from analysis.study.model import Covariate, Method, Study

TOLERANCE = 1e-6


def r_script(study: Study) -> str:
    """The script. It reads ``adsl.csv``, ``adrs.csv``, ``adtte.csv`` and ``results.csv`` beside it, prints a line a
    figure (id, ours, R's, difference, verdict), and ends with 1 where one differs by more than 1e-6 of the larger."""
    statistics = files(__package__).joinpath("recompute.R").read_text(encoding="utf-8")
    return "\n".join((*_head(study), "", statistics))


def _head(study: Study) -> Iterator[str]:
    yield f"# The main figures of the study {study.study.id}, computed again by R."
    yield "# Run it in its folder: Rscript recompute.R. The folder holds subjects' data: it stays on site."
    yield 'argument <- grep("^--file=", commandArgs(FALSE), value = TRUE)'
    yield 'here <- if (length(argument)) dirname(sub("^--file=", "", argument[1])) else "."'
    yield f"study <- {_text(study.study.id)}"
    yield f"tolerance <- {TOLERANCE:g}"
    yield f"arms <- {_texts([arm.label for arm in study.arm])}  # the last is the reference"
    yield f"days <- {DAYS[study.endpoint_rules.unit]!r}  # in one {study.endpoint_rules.unit}, the unit of times"
    yield f"endpoints <- {_texts([endpoint.id for endpoint in study.endpoint])}"
    yield f"ties_by <- {_texts(list(dict.fromkeys(method.ties for method in _methods(study))))}  # the primary's first"
    yield f"medians_by <- {_list(_medians(study))}"
    adjust = study.analysis.cox.adjust
    yield f"covariates <- {_list(_covariate(name, study.covariate[name]) for name in adjust)}"
    yield f"response <- {_response(study)}"


def _methods(study: Study) -> tuple[Method, ...]:
    plan = study.analysis
    return (plan.primary,) if plan.published is None else (plan.primary, plan.published)


def _medians(study: Study) -> Iterator[str]:
    seen = set()
    for method in _methods(study):
        if method.median_ci == "spss":
            wanted = [("spss", "spss", "FALSE")]
        else:
            name = method.km_code
            wanted = [(name, method.km_ci, "FALSE"), (f"{name}_middle", method.km_ci, "TRUE")]
        for name, transform, middle in wanted:
            if name not in seen:
                seen.add(name)
                yield f"list(method = {_text(name)}, km_ci = {_text(transform)}, middle = {middle})"


def _covariate(name: str, rule: Covariate) -> str:
    """How a covariate enters: ``numbers`` as they are, ``scores`` of its levels, or ``levels`` against the first."""
    if (rule.cut and rule.cox == "linear") or not rule.categories:
        how, column = "numbers", name
    else:
        how, column = ("scores" if rule.cox == "linear" else "levels"), f"{name}_cat" if rule.cut else name
    return f"list(id = {_text(name)}, column = {_text(column)}, how = {_text(how)}, levels = {_texts(rule.categories)})"


def _response(study: Study) -> str:
    rule = study.response
    if rule is None:
        return "NULL"
    return (
        f"list(order = {_texts(rule.order)}, orr = {_texts(rule.responders)}, dcr = {_texts(rule.controlled)}, "
        f"not_evaluable = {_text(rule.not_evaluable)})"
    )


def _list(parts: Iterator[str]) -> str:
    return "list(" + ",\n  ".join(parts) + ")"


def _texts(values: Sequence[str]) -> str:
    return f"c({', '.join(map(_text, values))})" if values else "character()"


def _text(value: str) -> str:
    """A text as R writes it, in ASCII alone, so that it is the same under every locale."""
    return '"' + "".join(_escaped(one) for one in value) + '"'


def _escaped(one: str) -> str:
    plain = " " <= one <= "~" and one not in '"\\'
    return one if plain else f"\\U{ord(one):08x}"

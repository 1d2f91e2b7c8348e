"""The report page: one HTML file, opened from a disk without network, script or outside style."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from analysis.pages import templating
from analysis.report import words
from analysis.report.context import Context
from analysis.report.figures.canvas import swatch
from analysis.report.lookup import Index, Row, rows_of
from analysis.report.sections import (
    adverse_events,
    agreement,
    baseline,
    bootstrap,
    care,
    checklist,
    flow,
    methods,
    models,
    opening,
    published,
    quality,
    response,
    response_landmark,
    sources,
)
from analysis.report.sections import modifiers as read_past
from analysis.report.sections import provenance as footer
from analysis.report.sections import sensitivity as variations
from analysis.report.sections import strata as within
from analysis.report.sections import survival as times
from analysis.report.sections import treatment as received
from analysis.report.sections import weighting as weights
from analysis.stats.masking import is_pooled
from analysis.study.model import Study

PACKAGE = "analysis.report"
"""Where its templates and its own style sheet lie."""


def render(
    study: Study,
    results: pd.DataFrame,
    quality: pd.DataFrame,
    provenance: Mapping[str, Any],
    expected: pd.DataFrame | Sequence[Mapping[str, Any]] | None,
) -> str:
    """The whole page as text; the same inputs give the same bytes.

    ``results`` (already suppressed), ``quality``, ``provenance`` and ``expected`` are described in
    ``docs/architecture.md``. A state of MASKED in ``provenance`` takes every arm and comparison off the page.
    """
    context = _context(study, results, quality, provenance, expected)
    style = templating.style(PACKAGE)
    page = templating.environment(PACKAGE).get_template("page.html.j2")
    sections = _sections(context)
    shown = [name for name in checklist.TITLES if name not in sections or sections[name]]
    text = page.render(
        **sections,
        checklist=checklist.checklist(context, shown),
        style=Markup(style),  # noqa: S704 - our own file
        csp=templating.content_policy(style),
    )
    return say_in_figures(text, study)


def figures(study: Study, results: pd.DataFrame) -> dict[str, str]:
    """Every figure of the page as a stand-alone SVG, by name (``km-pfs-wide``, ``flow``, ``forest-pfs-univariate``)."""
    context = _context(study, results, pd.DataFrame(), {}, None)
    found: dict[str, str] = {}
    for block in (flow.flow(context), baseline.baseline(context), response.response(context)):
        _gather(block, found)
    for many in (times.survival(context), models.models(context)):
        _gather(many, found)
    _gather(within.strata(context), found)
    _gather(weights.weighting(context), found)
    _gather(variations.sensitivity(context), found)
    return {name: say_in_figures(figure, study) for name, figure in found.items()}


def _context(
    study: Study,
    results: pd.DataFrame,
    quality: pd.DataFrame,
    provenance: Mapping[str, Any],
    expected: pd.DataFrame | Sequence[Mapping[str, Any]] | None,
) -> Context:
    masked = provenance.get("state") == "MASKED"
    rows = rows_of(results)
    if masked:
        rows = tuple(row for row in rows if _pooled(row))
    return Context(study, Index(rows), quality, provenance, [] if masked else footer.records(expected), masked)


def synthetic_note(study: Study) -> str:
    """What the study says of its synthetic data, or the plain words."""
    return study.study.synthetic_note or "synthetic data, not patients"


def say_in_figures(text: str, study: Study) -> str:
    """Begin the description of every figure with what synthetic data are: a figure may be saved without its page."""
    if study.study.data != "synthetic":
        return text
    # Texts from outside are escaped, so that only our own figures have this tag.
    return re.sub(r'<desc id="[^"]*">', lambda tag: f"{tag[0]}SYNTHETIC: {escape(synthetic_note(study))}. ", text)


def _pooled(row: Row) -> bool:
    """Whether a row tells nothing of one arm: what a locked study may show."""
    return is_pooled(row.parameter, row.variable, row.group)


def _sections(context: Context) -> dict[str, Any]:
    study = context.study
    return {
        "study": study,
        "arms": context.arms,
        "contrasts": context.contrasts,
        "masked": context.masked,
        "synthetic": study.study.data == "synthetic",
        "note": synthetic_note(study),
        "state": footer.state(context),
        "opening": opening.opening(context),
        "curves": times.figures(context, wide=False),
        "care": care.care(context),
        "flow": flow.flow(context),
        "baseline": baseline.baseline(context),
        "treatment": received.treatment(context),
        "response": response.response(context),
        "by_response": response_landmark.response_landmark(context),
        "agreement": agreement.agreement(context),
        "survival": times.survival(context),
        "models": models.models(context),
        "bootstraps": bootstrap.bootstraps(context),
        "strata": within.strata(context),
        "weighting": weights.weighting(context),
        "sensitivity": variations.sensitivity(context),
        "adverse_events": adverse_events.adverse_events(context),
        "sources": sources.sources(context),
        "published": published.published(context),
        "quality": quality.quality(context),
        "methods": methods.methods(context),
        "modifiers": read_past.modifiers(context),
        "provenance": footer.provenance(context),
        "confidence": words.confidence(study),
        "start_of_time": words.start_of_time(study),
        "time_unit": words.time_unit(study.endpoint_rules),
        "swatches": {label: swatch(style) for label, style in context.arms.items()},
        "remarks": [r for r in study.study.remarks if not r.casefold().startswith("misprint:")],
    }


def _gather(block: Any, found: dict[str, str]) -> None:
    """Figures anywhere in a section's view, by the id of their title."""
    if isinstance(block, Markup) and block.startswith("<svg"):
        name = block.partition(' id="')[2].partition('-title"')[0]
        found[name] = str(block)
    elif isinstance(block, dict):
        for value in block.values():
            _gather(value, found)
    elif isinstance(block, (list, tuple)):
        for value in block:
            _gather(value, found)

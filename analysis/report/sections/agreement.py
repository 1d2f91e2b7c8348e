"""How far the response can be relied on: readers, recorded against derived, imaging, and the sites compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from analysis.report.context import Context, Contrast
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.opening import RATES
from analysis.report.sections.restricted import interval_text

PARAMETER = "agreement"
PAIRS = (
    ("readers", "First reader against second", "First reader", "Second reader"),
    ("recorded_derived", "Assessments: recorded against derived from lesions", "Recorded", "Derived"),
    ("best_recorded_derived", "Best response: recorded against derived from lesions", "Recorded", "Derived"),
    ("record_supplement_response", "Assessments: record against supplement", "Record", "Supplement"),
)
WEIGHTS = ("unweighted", "linear", "quadratic")
LEFT_OUT = (
    ("not_evaluable", "a level off the scale"),
    ("only_recorded", "only recorded"),
    ("only_derived", "only derived"),
    ("only_record", "only in the record"),
    ("only_supplement", "only in the supplement"),
)
ADJUDICATED = (
    ("as_first", "as the first reader"),
    ("as_second", "as the second reader"),
    ("otherwise", "as neither"),
    ("not_adjudicated", "not adjudicated"),
)


def agreement(context: Context) -> dict[str, Any] | None:
    """The tables under the response; None where the results hold nothing for any of them."""
    rule = context.study.response
    if rule is None or context.masked:
        return None
    lookup = context.lookup()
    made = {
        "lookup": lookup,
        "pairs": [_pair(lookup, rule.order, *pair) for pair in PAIRS if context.has(PARAMETER, pair[0])],
        "adjudication": _adjudication(context, lookup),
        "imaging": _imaging(context, lookup),
        "over_sites": _over_sites(context, lookup),
    }
    return made if any(made[part] for part in made if part != "lookup") else None


def _pair(lookup: Lookup, order: Sequence[str], variable: str, label: str, rows: str, columns: str) -> dict[str, Any]:
    """Pairs, those that agree, kappa by each weighting, and the cross table over the levels of the study."""
    left_out = [(name, lookup.cell(PARAMETER, variable, "count", level=level)) for level, name in LEFT_OUT]
    return {
        "label": label,
        "rows": rows,
        "columns": columns,
        "n": lookup.cell(PARAMETER, variable, "n"),
        "agree": lookup.cell(PARAMETER, variable, "count", level="agree"),
        "left_out": [(name, cell) for name, cell in left_out if cell],
        "kappas": [_kappa(lookup, variable, weights) for weights in WEIGHTS],
        "levels": list(order),
        "table": [
            (one, [lookup.cell(PARAMETER, variable, "count", level=f"{one}/{other}") for other in order])
            for one in order
        ],
    }


def _kappa(lookup: Lookup, variable: str, weights: str) -> Markup:
    """``0.711 (0.600 to 0.822)``; one NE when it is not estimable, or in place of an interval that is not."""
    return interval_text([lookup.cell(PARAMETER, variable, s, method=weights) for s in ("kappa", "lower", "upper")])


def _adjudication(context: Context, lookup: Lookup) -> dict[str, Any] | None:
    if not context.has(PARAMETER, "adjudication"):
        return None
    return {
        "disagreed": lookup.cell(PARAMETER, "adjudication", "count", level="disagreed"),
        "became": [(name, lookup.cell(PARAMETER, "adjudication", "count", level=lv)) for lv, name in ADJUDICATED],
    }


def _imaging(context: Context, lookup: Lookup) -> list[tuple[str, list[Cell]]]:
    """Assessments by arm, how many rest on no scan, and on which kind of scan the others do."""
    if not context.has("response", "assessments"):
        return []
    lines = [
        (label, [lookup.cell("response", variable, "n", group=arm) for arm in context.arms])
        for variable, label in (("assessments", "Assessments"), ("assessments_without_imaging", "Without a scan"))
        if context.has("response", variable)
    ]
    for variable, words in (("modality", "On a scan of modality"), ("phase", "Contrast phase of the scan:")):
        for kind in dict.fromkeys(row.level for row in context.index.of("imaging", variable)):
            cells = [lookup.cell("imaging", variable, "count", group=arm, level=kind) for arm in context.arms]
            lines.append((f"{words} {kind}", cells))
    return lines


def _over_sites(context: Context, lookup: Lookup) -> list[dict[str, Any]]:
    """Each rate with what the sites have in common, a contrast a line."""
    return [
        _stratified(lookup, variable, f"{label}{_which(context, contrast)}", contrast)
        for variable, label in RATES
        for contrast in context.contrasts
        if lookup.cell("response", variable, "p", group=contrast.group, method="cmh", quiet=True)
    ]


def _which(context: Context, contrast: Contrast) -> str:
    return f", {contrast.experimental} against {contrast.reference}" if len(context.contrasts) > 1 else ""


def _stratified(lookup: Lookup, variable: str, label: str, contrast: Contrast) -> dict[str, Any]:
    def cells(method: str, *statistics: str, quiet: bool = False) -> list[Cell]:
        group = contrast.group
        return [lookup.cell("response", variable, s, group=group, method=method, quiet=quiet) for s in statistics]

    (test,) = cells("cmh", "p", quiet=True)
    (estimate,) = cells("mantel_haenszel_or", "odds_ratio", quiet=True)
    if test.row and test.value is None and estimate.value is None:
        # The reason once for the line, where nothing of it can be given.
        return {"label": label, "why": test.row.warning.removeprefix("NE:").strip(), "absent": test}
    chi2, p = cells("cmh", "chi2", "p")
    ratio = cells("mantel_haenszel_or", "odds_ratio", "lower", "upper")
    difference = cells("mantel_haenszel_rd", "difference", "lower", "upper")
    return {
        "label": label,
        "why": "",
        "chi2": chi2,
        "p": p,
        "odds_ratio": interval_text(ratio),
        "difference": interval_text(difference),
    }

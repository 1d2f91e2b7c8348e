"""Contrast phases of the scans that assessments rest on, from codes of their procedures and words of descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.derive.facts import CODING, listed
from analysis.study.imaging import BETWEEN
from mappings.codelists import CodeList

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.study.imaging import Imaging


def with_phases(inputs: Inputs, rule: Imaging, codes: Mapping[str, CodeList], found: ir.Table) -> ir.Table:
    """``found`` (site, id, scan, modality) with text column ``phase``: the labels of the scan's phases in the study's
    order, null where none is told.

    A series is looked at only where it is of the modality the assessment rests on; the study's own description and
    procedure codes speak of the whole scan. Descriptions are free text: they are matched here and go no further.
    """
    import ibis

    if not rule.phases:
        return found.mutate(phase=ibis.null("string"))
    scans = found.select("site", "scan", "modality").distinct()
    told = listed(_told(inputs, scans), {phase.list_: codes[phase.list_] for phase in rule.phases})
    flags = {f"_{n}": (told.list == phase.list_).any() for n, phase in enumerate(rule.phases)}
    by_scan = told.group_by(["site", "scan", "modality"]).aggregate(**flags)
    text: ir.StringValue = ibis.literal("")
    for flag, phase in zip(flags, rule.phases, strict=True):
        text = text + ibis.ifelse(by_scan[flag], BETWEEN + phase.label, "")
    by_scan = by_scan.select("site", "scan", "modality", phase=text.substr(len(BETWEEN)).nullif(""))
    key = ["site", "scan", "modality"]
    return found.left_join(by_scan, key).drop("site_right", "scan_right", "modality_right")


def _told(inputs: Inputs, scans: ir.Table) -> ir.Table:
    """(site, scan, modality and the columns of a coding): everything that may tell a phase of each scan."""
    import ibis

    none = {name: ibis.null("string") for name in CODING}
    series = inputs["imaging_series"]
    series = series.select(
        "site", scan="id", modality=series.modality.upper(), **none | {"code_text": series.description}
    )
    series = series.semi_join(scans, ["site", "scan", "modality"])
    studies = inputs["imaging_study"]
    studies = studies.select("site", scan="id", **none | {"code_text": studies.description})
    acts = inputs["imaging_procedure"].select("site", *CODING, scan="id")
    whole = studies.union(acts.select(*studies.columns)).join(scans, ["site", "scan"])
    return whole.select(*series.columns).union(series)

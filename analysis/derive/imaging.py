"""Which scan an assessment rests on: the study it names, else the nearest one of an accepted modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.derive.dates import Calendar
from analysis.derive.imaging_phase import with_phases
from analysis.derive.index import SUBJECT
from mappings.codelists import CodeList

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Response

_NO_IMAGES = ("cancelled", "entered-in-error", "registered")


def with_imaging(
    inputs: Inputs,
    work: Workspace,
    rule: Response,
    codes: Mapping[str, CodeList],
    assessments: ir.Table,
    calendar: Calendar,
) -> ir.Table:
    """``assessments`` with ``imaging`` (a scan of an accepted modality within the days apart), its ``img_modality``
    and, where the study names phases, its ``img_phase``.

    A scan the assessment names (derivedFrom, partOf) goes before a nearer one that it does not; on equal terms the
    higher id. Modality and start are looked for in the series where the study lacks them, as R4 allows.
    """
    import ibis

    t = assessments
    if rule.imaging is None:
        return t.mutate(imaging=ibis.literal(False), img_modality=ibis.null("string"), img_phase=ibis.null("string"))
    found = with_phases(inputs, rule.imaging, codes, work.keep(nearest(inputs, rule, t, calendar)))
    found = found.select("site", "id", img_modality="modality", img_phase="phase")
    t = t.left_join(found, ["site", "id"]).drop("site_right", "id_right")
    return t.mutate(imaging=t.img_modality.notnull())


def nearest(inputs: Inputs, rule: Response, assessments: ir.Table, calendar: Calendar) -> ir.Table:
    """(site, id of the assessment, `scan`, `modality`): the one scan each assessment rests on, none without one."""
    import ibis

    assert rule.imaging is not None
    scans = _scans(inputs, assessments, calendar)
    scans = scans.filter(scans.modality.isin([one.upper() for one in rule.imaging.modality]) & scans.scan_day.notnull())
    named = inputs["observation_source"].filter(ibis._.imaging_study_id.notnull())
    named = named.select("site", "id", scan="imaging_study_id", named=True).distinct()

    pairs = assessments.select(*SUBJECT, "id", "day").distinct().join(scans, SUBJECT)
    pairs = pairs.mutate(apart=(pairs.day - pairs.scan_day).abs())
    pairs = pairs.filter(pairs.apart <= rule.imaging.max_days_apart)
    pairs = pairs.left_join(named, ["site", "id", "scan"]).drop("site_right", "id_right", "scan_right")
    order = [pairs.named.fill_null(False).desc(), pairs.apart, pairs.scan.desc(), pairs.modality]
    pairs = pairs.mutate(_place=ibis.row_number().over(ibis.window(group_by=[pairs.site, pairs.id], order_by=order)))
    return pairs.filter(pairs._place == 0).select("site", "id", "scan", "modality")


def _scans(inputs: Inputs, assessments: ir.Table, calendar: Calendar) -> ir.Table:
    """(subject, scan, modality, scan_day) of the subjects' scans, one row a modality."""
    import ibis

    studies = inputs["imaging_study"].semi_join(assessments, SUBJECT)
    studies = studies.filter(~studies.status.isin(_NO_IMAGES).fill_null(False))
    series = inputs["imaging_series"].select("site", "id", s_modality="modality", s_started="started")
    both = studies.left_join(series, ["site", "id"])
    found = both.select(
        *SUBJECT,
        scan="id",
        modality=ibis.coalesce(both.modality, both.s_modality).upper(),
        started=ibis.coalesce(both.started, both.s_started),
    ).distinct()
    found = calendar.resolve(found, "started")
    found = found.filter(~found.after_cutoff)
    return found.select(*SUBJECT, "scan", "modality", scan_day="day").distinct()

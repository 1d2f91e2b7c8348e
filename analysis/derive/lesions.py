"""Lesion measurements out of the facts, one row a lesion and day, and the response derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.derive.body_site import at_site
from analysis.derive.covariates import within
from analysis.derive.index import SUBJECT
from analysis.derive.lesion_identity import with_identity
from analysis.derive.levels import with_level, with_value
from analysis.derive.mrecist import Rules, assess
from analysis.study.lesions import ANSWERS
from mappings.codelists import CodeList, ConceptMapping

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.lesions import Lesions
    from analysis.study.model import Response

_ROLES, _ENHANCEMENT = ("target", "non-target", "new"), ("enhancing", "not-enhancing")
_STATUS = ("CR", "non-CR/non-PD", "PD", "NE")


def derived_response(
    inputs: Inputs,
    work: Workspace,
    rule: Response | None,
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    facts: ir.Table,
) -> pd.DataFrame | None:
    """One row a visit as :func:`analysis.derive.mrecist.assess` gives it, with the ``version`` of ``id``; None where
    the study asks for no lesion measurements.

    What cannot be used is counted.
    """
    if rule is None or rule.lesions is None:
        return None
    asked = rule.lesions
    rows = work.keep(_one_reading(work, rule, _measured(inputs, work, rule, codes, maps, facts)))
    frame = work.pandas(rows)
    for name in ("role", "enhancing", "status", "organ"):
        frame[name] = frame[name].astype("object").where(frame[name].notna(), None)
    rules = Rules(asked.min_mm, asked.per_organ, asked.in_all, asked.absolute_mm)
    visits = assess(frame, rules, enhancement_asked=asked.enhancement is not None)
    return visits.merge(frame[["site", "id", "version"]], on=["site", "id"], how="left")


def _measured(
    inputs: Inputs,
    work: Workspace,
    rule: Response,
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    facts: ir.Table,
) -> ir.Table:
    """(subject, id, version, rel, issued_at, performer_id, organ, here, identity, diameter, role, enhancing, status):
    one row a lesion and record."""
    import ibis

    asked = rule.lesions
    assert asked is not None
    whole = facts.filter((facts.list == asked.list_) & (facts.source == "observation"))
    inside = (within(whole.rel, asked.window) & (whole.rel <= 0)) | within(whole.rel, rule.window)
    work.count("lesions", whole, {"outside the windows of baseline and assessments": ~inside})
    # The fact's own status (of the Observation) must not be taken for a lesion's.
    own = (
        "id",
        "version",
        "rel",
        "issued_at",
        "performer_id",
        "body_site_system",
        "body_site",
        "number",
        "unit",
        "whole",
    )
    whole = work.keep(whole.filter(inside).select(*SUBJECT, *own))
    parts = work.keep(facts.filter(facts.source == "observation_component").semi_join(whole, ["site", "id"]))

    t = with_identity(inputs, work, asked, whole, parts)
    if asked.diameter:
        sizes = with_value(work, parts.filter(parts.list == asked.diameter), "mm")
        t = _with(t, sizes.select("site", "id", "value"), "diameter")
    else:
        t = with_value(work, t, "mm").rename(diameter="value")
    mapping = maps[asked.values] if asked.values else None
    for name, list_, levels in _coded(asked):
        if not list_:
            t = t.mutate(**{name: ibis.null("string")})
            continue
        answers = work.keep(with_level(parts.filter(parts.list == list_), inputs, mapping, set(ANSWERS)))
        known = answers.level.isin(levels).fill_null(False)
        work.count("lesions", answers, {f"{name} unmapped": ~known})
        t = work.keep(_with(t, answers.filter(known).select("site", "id", value="level"), name))
    t = at_site(t, codes[rule.site], "here") if rule.site else t.mutate(here=ibis.literal(True))
    t = work.keep(t.mutate(organ=t.body_site))
    work.count(
        "lesions",
        t,
        {
            "without identity": t.identity.isnull() & ~t.ambiguous,
            "with several identities, not used": t.ambiguous,
            "not enhancing but with a diameter, counts as 0 mm": (t.enhancing == "not-enhancing") & (t.diameter > 0),
            "new lesion elsewhere": (t.role == "new") & ~t.here & (t.rel > 0),
            "negative diameter": t.diameter < 0,
        },
    )
    t = t.filter(t.identity.notnull()).drop("ambiguous")
    return t.mutate(diameter=ibis.ifelse(t.diameter < 0, ibis.null("float64"), t.diameter))


def _coded(asked: Lesions) -> tuple[tuple[str, str | None, tuple[str, ...]], ...]:
    roles, enhancing, status = (asked.role, _ROLES), (asked.enhancement, _ENHANCEMENT), (asked.status, _STATUS)
    return ("role", *roles), ("enhancing", *enhancing), ("status", *status)


def _with(t: ir.Table, values: ir.Table, name: str) -> ir.Table:
    """``t`` with one more column; of several values of one Observation the lowest, so that order never decides."""
    one = values.group_by(["site", "id"]).aggregate(**{name: values.value.min()})
    return t.left_join(one, ["site", "id"]).drop("site_right", "id_right")


def _one_reading(work: Workspace, rule: Response, t: ir.Table) -> ir.Table:
    """One reader's measurements a day, and of these the last issued of each lesion.

    The adjudicator's go before the first reader's, these before the second's: sums must not mix readers.
    """
    import ibis

    rank: ir.IntegerValue = ibis.literal(0)
    if rule.readers:
        order = (rule.readers.adjudicator, rule.readers.first, rule.readers.second)
        rank = t.performer_id.cases(*((person, i) for i, person in enumerate(order) if person), else_=None)
    t = t.mutate(_rank=rank)
    t = t.mutate(_first=t._rank.min().over(ibis.window(group_by=[t[k] for k in (*SUBJECT, "rel")])))
    t = t.mutate(
        _place=ibis.row_number().over(
            ibis.window(
                group_by=[t[k] for k in (*SUBJECT, "rel", "identity", "_rank")],
                order_by=[t.issued_at.desc(), t.id.desc()],
            )
        )
    )
    t = work.keep(t)
    other = (t._rank != t._first).fill_null(False)
    reasons = {
        "reader not named by the study": t._rank.isnull(),
        "another reader's measurements of the day are used": other,
        "superseded on the same day": (t._place > 0) & t._rank.notnull() & ~other,
    }
    work.count("lesions", t, reasons)
    t = t.filter(t._rank.notnull() & ~other & (t._place == 0))
    columns = ("rel", "id", "version", "identity", "organ", "here", "diameter", "role", "enhancing", "status")
    return t.select(*SUBJECT, *columns)

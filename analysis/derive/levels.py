"""Answers as the study's levels and numbers in the study's unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mappings.codelists import ConceptMapping, ConceptRow, translated

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace


def with_level(
    facts: ir.Table, inputs: Inputs, mapping: ConceptMapping | None, known: Iterable[str], *, severities: bool = False
) -> ir.Table:
    """``facts`` with text column ``level`` and boolean ``several`` (its codings answer differently).

    In this order: a coded answer by the map; a text by the map or spelled as a known level; an integer (or whole
    number) by the map or as it stands; the interpretation's code by the map. Of codings that answer differently the
    alphabetically first level is taken, so that the order of arrival never decides. With ``severities`` the severity of
    a Condition and the grade of an AdverseEvent, else its severity, are coded answers too.
    """
    import ibis

    rows = mapping.rows if mapping else ()
    names = set(known) | {row.target_code for row in rows}
    plain = {row.source_code.upper(): row.target_code for row in rows if row.source_system is None}
    # A text that is spelled as a level needs no line in the map.
    spelled = {name.strip().upper(): name for name in sorted(names)} | plain
    whole = ibis.coalesce(
        facts.whole, ibis.ifelse(facts.number == facts.number.floor(), facts.number, ibis.null("float64")).cast("int64")
    )
    t = facts.mutate(
        _whole=whole.cast("string"), _said=ibis.coalesce(facts.words, ibis.ifelse(facts.truth, "true", "false"))
    )
    answers = _answers(facts, inputs, mapping, severities)
    t = t.mutate(part=t.part.fill_null("")).left_join(answers, ["source", "site", "id", "part"])
    t = t.drop("source_right", "site_right", "id_right", "part_right")
    level = ibis.coalesce(
        t._answer,
        _looked_up(t._said, spelled),
        _looked_up(t._whole, plain),
        t._whole,
        _looked_up(t.interpretation, _by_code_alone(rows)),
        *([] if mapping else [t._said]),
    )
    t = t.mutate(level=level, several=(t._different > 1).fill_null(False), part=t.part.nullif(""))
    return t.drop("_whole", "_said", "_answer", "_different")


def _looked_up(text: ir.StringValue, targets: Mapping[str, str]) -> ir.StringValue:
    import ibis

    return text.strip().upper().cases(*targets.items(), else_=None) if targets else ibis.null("string")


def _answers(facts: ir.Table, inputs: Inputs, mapping: ConceptMapping | None, severities: bool) -> ir.Table:
    """(source, site, id, part, _answer, _different) of the coded answers: of Observations whole and of components."""
    import ibis

    coded = inputs["observation_value"].semi_join(facts, ["site", "id"])
    whole = coded.select("site", "id", "code_system", "code", source=ibis.literal("observation"), part=ibis.literal(""))
    parts = facts.filter(facts.answer_code.notnull())
    parts = parts.select("site", "id", "source", code_system="answer_system", code="answer_code", part=parts.part)
    parts = parts.select(*whole.columns)
    answers = whole.union(parts).mutate(place=ibis.literal(0, "int64"))
    if severities:
        answers = answers.union(_severities(facts, inputs))
    answers = answers.distinct()
    if mapping is None:
        answers = answers.mutate(answer=ibis.null("string"))
    else:
        answers = translated(answers, "code_system", "code", mapping, "answer")
    key = ["source", "site", "id", "part"]
    if severities:
        told = answers.filter(answers.answer.notnull())
        first = told.group_by(key).aggregate(_first=told.place.min())
        answers = answers.join(first, key).filter(ibis._.place == ibis._._first)
    by = answers.group_by(key)
    return by.aggregate(_answer=answers.answer.min(), _different=answers.answer.nunique())


def _severities(facts: ir.Table, inputs: Inputs) -> ir.Table:
    """As the answers, with `place`: where the map knows both, a grade (0) goes before a severity (1)."""
    import ibis

    found = []
    for source, view in (("adverse_event", "adverse_event_grade"), ("condition", "condition_severity")):
        t = inputs[view].semi_join(facts.filter(facts.source == source), ["site", "id"])
        place = ibis.ifelse(t.element == "severity", 1, 0) if "element" in t.columns else ibis.literal(0)
        told = {"source": ibis.literal(source), "part": ibis.literal(""), "place": place.cast("int64")}
        found.append(t.select("site", "id", "code_system", "code", **told))
    return found[0].union(found[1])


def _by_code_alone(rows: Iterable[ConceptRow]) -> dict[str, str]:
    """Targets of codes that come without their system, where a code has one target whatever the system."""
    targets: dict[str, set[str]] = {}
    for row in rows:
        targets.setdefault(row.source_code.upper(), set()).add(row.target_code)
    return {code: next(iter(made)) for code, made in targets.items() if len(made) == 1}


def with_value(work: Workspace, facts: ir.Table, unit: str | None) -> ir.Table:
    """``facts`` with float column ``value`` in ``unit`` (UCUM); null where there is no number or no such conversion.

    Without a unit asked for, numbers are taken as they stand (counts).
    """
    import ibis

    from mappings.quantities import factor

    number = ibis.coalesce(facts.number, facts.whole.cast("float64"))
    if unit is None:
        return facts.mutate(value=number)
    found = work.pandas(facts.filter(number.notnull()).select("unit").distinct())["unit"]
    factors = {name: factor(name, unit) for name in sorted(found.dropna().unique())}
    usable = [(name, value) for name, value in factors.items() if value is not None]
    if not usable:
        return facts.mutate(value=ibis.null("float64"))
    by = facts.unit.cases(*usable, else_=None).cast("float64")
    # Nine decimals: 70 mm are 7 cm, not 7.000000000000001 on the wrong side of a cut.
    return facts.mutate(value=(number * by).round(9).cast("float64"))

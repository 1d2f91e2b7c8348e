"""Answers as the study's levels and numbers in the study's unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mappings.codelists import ConceptMapping, ConceptRow, translated

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs


def with_level(facts: ir.Table, inputs: Inputs, mapping: ConceptMapping | None, known: Iterable[str]) -> ir.Table:
    """``facts`` with text column ``level`` and boolean ``several`` (its codings answer differently).

    In this order: a coded answer by the map; a text by the map or spelled as a known level; an integer (or whole
    number) by the map or as it stands; the interpretation's code by the map. Of codings that answer differently the
    alphabetically first level is taken, so that the order of arrival never decides.
    """
    import ibis

    names = set(known) | ({row.target_code for row in mapping.rows} if mapping else set())
    spelled = [(name.strip().lower(), name) for name in sorted(names)]
    whole = ibis.coalesce(
        facts.whole, ibis.ifelse(facts.number == facts.number.floor(), facts.number, ibis.null("float64")).cast("int64")
    )
    truth = ibis.ifelse(facts.truth, "true", "false")
    t = facts.mutate(_whole=whole.cast("string"), _said=ibis.coalesce(facts.words, truth))
    by_name = t._said.strip().lower().cases(*spelled, else_=None) if spelled else ibis.null("string")
    t = t.mutate(_by_name=by_name)
    if mapping is None:
        level = ibis.coalesce(t._by_name, t._whole, t._said)
        return t.mutate(level=level, several=ibis.literal(False)).drop("_whole", "_said", "_by_name")
    t = translated(t, "answer_system", "answer_code", mapping, "_part_answer")
    t = translated(t, None, "_said", mapping, "_by_said")
    t = translated(t, None, "_whole", mapping, "_by_whole")
    t = translated(t, None, "interpretation", _by_code_alone(mapping), "_by_interpretation")
    coded = inputs["observation_value"]
    answers = coded.semi_join(facts, ["site", "id"]).distinct()
    answers = translated(answers, "code_system", "code", mapping, "answer")
    answers = answers.group_by(["site", "id"]).aggregate(
        _answer=answers.answer.min(), _answers=answers.answer.nunique()
    )
    t = t.left_join(answers, ["site", "id"]).drop("site_right", "id_right")
    own = t.source == "observation"
    level = ibis.coalesce(
        ibis.ifelse(own, t._answer, ibis.null("string")),
        t._part_answer,
        t._by_said,
        t._by_name,
        t._by_whole,
        t._whole,
        t._by_interpretation,
    )
    t = t.mutate(level=level, several=(own & (t._answers > 1)).fill_null(False))
    return t.drop(*(name for name in t.columns if name.startswith("_")))


def _by_code_alone(mapping: ConceptMapping) -> ConceptMapping:
    """The map for codes that come without their system, where a code has one target whatever the system."""
    targets: dict[str, set[str]] = {}
    for row in mapping.rows:
        targets.setdefault(row.source_code.upper(), set()).add(row.target_code)
    rows = tuple(ConceptRow(None, code, None, next(iter(made))) for code, made in targets.items() if len(made) == 1)
    return ConceptMapping(mapping.name, rows)


def with_value(facts: ir.Table, unit: str | None) -> ir.Table:
    """``facts`` with float column ``value`` in ``unit`` (UCUM); null where there is no number or no such conversion.

    Without a unit asked for, numbers are taken as they stand (counts).
    """
    import ibis
    from mappings.quantities import factor

    number = ibis.coalesce(facts.number, facts.whole.cast("float64"))
    if unit is None:
        return facts.mutate(value=number)
    found = facts.filter(number.notnull()).select("unit").distinct().to_pandas()["unit"]
    factors = {name: factor(name, unit) for name in sorted(found.dropna().unique())}
    usable = [(name, value) for name, value in factors.items() if value is not None]
    if not usable:
        return facts.mutate(value=ibis.null("float64"))
    by = facts.unit.cases(*usable, else_=None).cast("float64")
    # Nine decimals: 70 mm are 7 cm, not 7.000000000000001 on the wrong side of a cut.
    return facts.mutate(value=(number * by).round(9).cast("float64"))

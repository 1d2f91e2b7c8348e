"""Facts: every usable record of the cohort that is in one of the study's lists, in one long shape.

A resource is a fact once for each list it is in, however many codings it has; a component of an Observation is a fact
of its own. Columns are ``CARRIED``, `list`, `issued_at` (seconds) and the date's `low`, `high`, `day`, `precision`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.derive.dates import Calendar, moment
from analysis.derive.statuses import told
from mappings.codelists import CodeList, matches, matches_text

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace

# What a fact carries besides its dates, and the Ibis type. `part` is the component's code, `part_of` a Procedure id.
CARRIED = {
    "site": "string",
    "patient_id": "string",
    "source": "string",
    "id": "string",
    "version": "string",
    "part": "string",
    "text": "string",
    "issued": "string",
    "status": "string",
    "verification": "string",
    "number": "float64",
    "unit": "string",
    "comparator": "string",
    "whole": "int64",
    "words": "string",
    "value_date": "string",
    "truth": "boolean",
    "answer_system": "string",
    "answer_code": "string",
    "interpretation": "string",
    "body_site_system": "string",
    "body_site": "string",
    "performer_id": "string",
    "part_of": "string",
}
TABLES = (
    *("condition", "procedure", "observation", "observation_component", "medication_administration"),
    "adverse_event",
)

# What counts: a result that stands, an act that was done, a disease that was not ruled out (docs/derivation.md).
USABLE_STATUS = {
    "procedure": ("completed",),
    "observation": ("final", "amended", "corrected"),
    "observation_component": ("final", "amended", "corrected"),
    "medication_administration": ("completed", "in-progress", "stopped"),
    "adverse_event": ("actual",),
}
NOT_VERIFIED = ("refuted", "entered-in-error", "unconfirmed", "provisional", "differential")
CODING = ("code_system", "code", "code_text", "code_display")


def judged(
    inputs: Inputs,
    work: Workspace,
    cohort: ir.Table,
    uses: Mapping[str, Sequence[str]],
    codes: Mapping[str, CodeList],
    calendar: Calendar,
    *,
    statuses: Mapping[str, Sequence[str]] | None = None,
    undated: Collection[str] = (),
    told_later: Collection[str] = (),
) -> ir.Table:
    """All records of the cohort (site, patient_id) in the lists of ``uses`` (list to the tables it looks in).

    ``unused`` says why one cannot be used, by status, verification, missing or unreadable date, and date after the
    cut-off; it is null for a fact. ``statuses`` adds accepted statuses for one list; records of the lists ``undated``
    stay without a date; those of ``told_later`` may be dated after the cut-off: the caller judges them. Records in no
    list are counted by table.
    """
    import ibis

    asked = [table for table in TABLES if any(table in tables for tables in uses.values())]
    if not asked:
        return _empty(calendar).mutate(unused=ibis.null("string"))
    parts = [_rows(inputs, table) for table in asked]
    rows = ibis.union(*parts) if len(parts) > 1 else parts[0]
    rows = work.keep(rows.semi_join(cohort, ["site", "patient_id"]))
    found = listed(rows, {name: codes[name] for name in uses}, work.con)
    looked = [(found.list == name) & found.source.isin(list(tables)) for name, tables in uses.items()]
    found = work.keep(found.filter(ibis.or_(*looked)))

    key = ["source", "site", "id", "part"]
    seen = rows.select("source", "site", "id", part=rows.part.fill_null("")).distinct()
    unlisted = seen.anti_join(found.select("source", "site", "id", part=found.part.fill_null("")), key)
    work.count_by("facts", unlisted, unlisted.source + ": in no list of the study")
    work.drop(rows)

    dated = calendar.resolve(found, "text")
    work.drop(found)
    facts = work.keep(
        dated.mutate(issued_at=moment(dated.issued), unused=_unused(dated, statuses or {}, undated, told_later))
    )
    work.drop(dated)
    return facts


def usable(work: Workspace, records: ir.Table) -> ir.Table:
    """The facts among what :func:`judged` gives; the rest is counted by its reason."""
    work.count_by("facts", records, records.list + ": " + records.unused)
    return records.filter(records.unused.isnull()).drop("unused")


def _unused(
    facts: ir.Table, statuses: Mapping[str, Sequence[str]], undated: Collection[str], told_later: Collection[str]
) -> ir.StringValue:
    import ibis

    status_text = told(facts.status)
    branches = []
    for table, usable in USABLE_STATUS.items():
        fine = facts.status.isin(usable)
        for name, more in statuses.items():
            fine = fine | ((facts.list == name) & facts.status.isin(list(more)))
        branches.append(((facts.source == table) & ~fine.fill_null(False), status_text))
    verification = ibis.literal("verification ") + facts.verification
    branches.append((facts.verification.isin(NOT_VERIFIED).fill_null(False), verification))
    needs_date = ~facts.list.isin(list(undated)) if undated else ibis.literal(True)
    on_time = ~facts.list.isin(list(told_later)) if told_later else ibis.literal(True)
    branches.append((facts.text.isnull() & needs_date, ibis.literal("without date")))
    branches.append((facts.day.isnull() & needs_date, ibis.literal("date unreadable")))
    branches.append((facts.after_cutoff & on_time, ibis.literal("after the data cut-off")))
    return ibis.cases(*branches, else_=ibis.null("string"))


def listed(rows: ir.Table, lists: Mapping[str, CodeList], con: Any = None) -> ir.Table:
    """The rows (with `CODING` columns) that are in a list by code or by words, once for each list, without codings.

    ``con`` where the rows are a whole table's: see :func:`mappings.codelists.matches`.
    """
    found = matches(rows, "code_system", "code", lists, con=con).drop(*CODING)
    if any(made.words for made in lists.values()):
        found = found.union(matches_text(rows, ["code_text", "code_display"], lists).drop(*CODING))
    return found.distinct()


def _empty(calendar: Calendar) -> ir.Table:
    import ibis

    none = calendar.resolve(ibis.memtable([], schema=ibis.schema({**CARRIED, "list": "string"})), "text")
    return none.mutate(issued_at=ibis.literal(-1, "int64"))


def carried(table: ir.Table, **given: ir.Value) -> ir.Table:
    """``table`` with exactly the columns of ``CARRIED`` and the coding; what is not given is null."""
    import ibis

    columns = {}
    for name, kind in CARRIED.items():
        value = given[name] if name in given else table[name] if name in table.columns else ibis.null()
        columns[name] = value.cast(kind)
    for name in CODING:
        columns[name] = (table[name] if name in table.columns else ibis.null()).cast("string")
    return table.select(**columns)


def _rows(inputs: Inputs, table: str) -> ir.Table:
    return {
        "condition": _conditions,
        "procedure": _procedures,
        "observation": _observations,
        "observation_component": _components,
        "medication_administration": _administrations,
        "adverse_event": _adverse_events,
    }[table](inputs)


def _conditions(inputs: Inputs) -> ir.Table:
    import ibis

    t = inputs["condition"]
    # recordedDate is the day of the report, so it comes last.
    dated = ibis.coalesce(t.onset_date, t.onset_start, t.asserted_date, t.recorded_date)
    return carried(t, source=ibis.literal("condition"), text=dated, verification=t.verification_status)


def _procedures(inputs: Inputs) -> ir.Table:
    import ibis

    t = inputs["procedure"]
    return carried(t, source=ibis.literal("procedure"), text=performed(t))


def performed(procedures: ir.Table) -> ir.StringValue:
    """When a procedure began: its date, else its period's start, else its end."""
    import ibis

    return ibis.coalesce(procedures.performed_date, procedures.performed_start, procedures.performed_end)


def observed(observations: ir.Table) -> ir.StringValue:
    """When an observation was true: effective, else only when it was issued."""
    import ibis

    t = observations
    return ibis.coalesce(t.effective_date, t.effective_start, t.effective_end, t.issued)


def _observations(inputs: Inputs) -> ir.Table:
    import ibis

    t = inputs["observation"]
    return carried(
        t,
        source=ibis.literal("observation"),
        text=observed(t),
        number=t.value_quantity,
        unit=ibis.coalesce(t.value_unit_code, t.value_unit),
        comparator=t.value_comparator,
        whole=t.value_integer,
        words=ibis.coalesce(t.value_string, t.value_text),
        truth=t.value_boolean,
    )


def _components(inputs: Inputs) -> ir.Table:
    import ibis

    t = inputs["observation"]
    # One row an Observation, whatever the number of its codings, to give each component its dates and status.
    parents = t.select(
        "site", "id", "version", "status", "issued", "body_site_system", "body_site", "performer_id", text=observed(t)
    ).distinct()
    part = inputs["observation_component"]
    parts = part.join(parents, ["site", "id"])
    return carried(
        parts,
        source=ibis.literal("observation_component"),
        part=parts.code,
        number=parts.value_quantity,
        unit=ibis.coalesce(parts.value_unit_code, parts.value_unit),
        comparator=parts.value_comparator,
        whole=parts.value_integer,
        words=parts.value_string,
        answer_system=parts.value_system,
        answer_code=parts.value_code,
    )


def _administrations(inputs: Inputs) -> ir.Table:
    t = with_medication_codes(inputs)
    import ibis

    dated = ibis.coalesce(t.effective_date, t.effective_start)
    # A period that begins in 1970-01-01 is a duration, not a date (docs/derivation.md).
    dated = ibis.ifelse(dated.startswith("1970-01-01"), ibis.null("string"), dated)
    return carried(t, source=ibis.literal("medication_administration"), text=dated, part_of=t.procedure_id)


def _adverse_events(inputs: Inputs) -> ir.Table:
    import ibis

    t = inputs["adverse_event"]
    # When it happened; else when it was noticed, else written down.
    dated = ibis.coalesce(t.event_date, t.detected_date, t.recorded_date)
    return carried(t, source=ibis.literal("adverse_event"), text=dated, status=t.actuality, words=t.severity_text)


def with_medication_codes(inputs: Inputs) -> ir.Table:
    """Medication administrations with the codings of a medication given by reference filled in."""
    t = inputs["medication_administration"]
    drugs = inputs["medication"].select(
        "site", medication_id="id", c_system="code_system", c_code="code", c_display="code_display", c_text="code_text"
    )
    coded = t.filter(t.code.notnull() | t.medication_id.isnull())
    bare = t.filter(t.code.isnull() & t.medication_id.notnull())
    joined = bare.left_join(drugs, ["site", "medication_id"])
    named = {"code_system": "c_system", "code": "c_code", "code_display": "c_display", "code_text": "c_text"}
    filled = joined.select(**{name: joined[named.get(name, name)] for name in t.columns})
    return coded.union(filled)

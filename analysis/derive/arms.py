"""The arm a subject was treated in: decided by what was used in the procedures of the index day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.derive.facts import CODING, USABLE_STATUS, listed, with_medication_codes
from analysis.derive.index import SUBJECT, Cohort
from mappings.codelists import CodeList, matches_text

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Arm, ArmClause, Study

_EVER = 10**6


def decide(
    work: Workspace, study: Study, codes: Mapping[str, CodeList], cohort: Cohort, coded: ir.Table
) -> tuple[ir.Table, ir.Table]:
    """Two tables by subject: (arm label or null, arm_reason or null), and (switch_day, for those who switched later).

    All clauses of an arm must hold among the procedures of one day (of a clause with a window, of its days). More than
    one arm, or none, leaves by the study's ``arm_rules``. A later session with another arm's material is a switch.
    ``coded`` is what :func:`used` found in the sessions.
    """
    import ibis

    found = work.keep(evidence(study, codes, coded))
    days = cohort.sessions.left_join(found, [cohort.sessions.site == found.site, cohort.sessions.id == found.procedure])
    keys = sorted({key for arm in study.arm for clause in arm.all_ for key in _keys(clause.list_, clause.any_of)})
    flags = {f"_{i}": (days.key == key).any().fill_null(False) for i, key in enumerate(keys)}
    by_day = days.group_by([*SUBJECT, "rel"]).aggregate(**flags)
    number = {key: f"_{i}" for i, key in enumerate(keys)}
    by_day = by_day.mutate(**{f"in_{i}": _holds(by_day, arm, number) for i, arm in enumerate(study.arm)})
    by_day = by_day.mutate(arms=sum(by_day[f"in_{i}"].cast("int64") for i in range(len(study.arm))))
    by_day = work.keep(by_day)

    index = _at_index(by_day, study, number)
    one = index.arms == 1
    label = ibis.cases(*((one & index[f"in_{i}"], ibis.literal(arm.label)) for i, arm in enumerate(study.arm)))
    reason = ibis.cases(
        (index.arms > 1, ibis.literal(study.arm_rules.both.removeprefix("exclude:"))),
        (index.arms == 0, ibis.literal(study.arm_rules.neither.removeprefix("exclude:"))),
        else_=ibis.null("string"),
    )
    decided = work.keep(index.select(*SUBJECT, arm=label, arm_reason=reason))

    later = by_day.filter(by_day.rel > max(_days(clause)[1] for arm in study.arm for clause in arm.all_))
    work.count(
        "arm",
        later,
        {
            "later session with the material of no arm": later.arms == 0,
            "later session with the materials of several arms": later.arms > 1,
        },
    )
    later = later.join(decided, SUBJECT)
    others = [later[f"in_{i}"] & (later.arm != arm.label) for i, arm in enumerate(study.arm)]
    switches = later.filter(later.arm.notnull() & ibis.or_(*others))
    switch = work.keep(switches.group_by(SUBJECT).aggregate(switch_day=switches.rel.min()))
    work.count("arm", switch, {"subject with a later session of another arm": switch.switch_day.notnull()})
    return decided, switch


def _days(clause: ArmClause) -> tuple[int, int]:
    """First and last day from the index of the sessions a clause looks at."""
    if clause.window is None:
        return 0, 0
    low, high = clause.window.low, clause.window.high
    return -_EVER if low is None else low, _EVER if high is None else high


def _at_index(by_day: ir.Table, study: Study, number: Mapping[str, str]) -> ir.Table:
    """One row a subject: which arms hold (``in_<place>``), each clause in its own days, and how many."""
    import ibis

    held = {}
    for i, arm in enumerate(study.arm):
        for j, clause in enumerate(arm.all_):
            found = ibis.or_(*(by_day[number[key]] for key in _keys(clause.list_, clause.any_of)))
            held[f"clause_{i}_{j}"] = (by_day.rel.between(*_days(clause)) & found).any().fill_null(False)
    t = by_day.group_by(SUBJECT).aggregate(**held)
    arms = {
        f"in_{i}": ibis.and_(*(t[f"clause_{i}_{j}"] for j in range(len(arm.all_)))) for i, arm in enumerate(study.arm)
    }
    t = t.mutate(**arms)
    return t.mutate(arms=sum(t[f"in_{i}"].cast("int64") for i in range(len(study.arm))))


def _keys(list_: str | None, any_of: tuple[str, ...]) -> tuple[str, ...]:
    return (f"list:{list_}",) if list_ else any_of


def _holds(days: ir.Table, arm: Arm, number: Mapping[str, str]) -> ir.BooleanValue:
    import ibis

    clauses = [ibis.or_(*(days[number[k]] for k in _keys(clause.list_, clause.any_of))) for clause in arm.all_]
    return ibis.and_(*clauses)


def evidence(study: Study, codes: Mapping[str, CodeList], coded: ir.Table) -> ir.Table:
    """(site, procedure id, key) for every "source:list" of the arms that holds for a session."""
    import ibis

    keys = {key for arm in study.arm for clause in arm.all_ for key in _keys(clause.list_, clause.any_of)}
    lists = {name: codes[name] for name in sorted({key.partition(":")[2] for key in keys})}
    hits = listed(coded, {name: CodeList(name, "", made.entries, made.patterns) for name, made in lists.items()})
    parts = [hits.select("site", "procedure", key=hits.source + ":" + hits.list)]
    words = {name: CodeList(name, words=made.words) for name, made in lists.items() if f"text:{name}" in keys}
    if words:
        # Words may stand in any of the texts, of the act or of what was used.
        said = matches_text(coded, ["code_text", "code_display"], words)
        parts.append(said.select("site", "procedure", key=ibis.literal("text:") + said.list))
    found = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
    return found.filter(found.key.isin(sorted(keys)))


def used(inputs: Inputs, work: Workspace, cohort: Cohort) -> ir.Table:
    """(source of a clause, site, procedure id, coding) of what was done or used in the cohort's sessions."""
    import ibis

    sessions = cohort.sessions.select("site", procedure="id").distinct()
    own = inputs["procedure"]
    named = inputs["procedure_used"].rename(procedure="id").semi_join(sessions, ["site", "procedure"])
    keys = ("device_id", "substance_id", "medication_id")
    work.count("arm", named, {"used reference without key": ibis.and_(*(named[key].isnull() for key in keys))})
    given = with_medication_codes(inputs)
    given = given.filter(given.status.isin(USABLE_STATUS["medication_administration"]))
    made = {
        "list": own.select("site", *CODING, procedure="id"),
        "used_device": _referred(work, named, "device_id", inputs["device"], "device_name"),
        "used_substance": _referred(work, named, "substance_id", inputs["substance"]).union(
            _referred(work, named, "medication_id", inputs["medication"])
        ),
        "used_code": inputs["procedure_used_code"].mutate(code_display=ibis.null("string")).rename(procedure="id"),
        "administered": given.select("site", *CODING, procedure="procedure_id"),
    }
    rows = [t.select("site", "procedure", *CODING, source=ibis.literal(source)) for source, t in made.items()]
    return work.keep(ibis.union(*rows).semi_join(sessions, ["site", "procedure"]))


def _referred(work: Workspace, used: ir.Table, key: str, things: ir.Table, name: str | None = None) -> ir.Table:
    """(site, procedure, coding) of the things a procedure refers to by ``key``; a name counts as text."""
    import ibis

    wanted = used.filter(used[key].notnull()).select("site", "procedure", thing=used[key]).distinct()
    lost = wanted.anti_join(things.select("site", thing="id").distinct(), ["site", "thing"])
    work.count("arm", lost, {f"used {key.removesuffix('_id')} not found": lost.thing.notnull()})
    text = things.code_text if name is None else _either(things.code_text, things[name])
    coded = things.select(
        "site",
        thing=things.id,
        code_system=things.code_system,
        code=things.code,
        code_display=things.code_display,
        code_text=text,
    )
    joined = wanted.join(coded, ["site", "thing"])
    return joined.select("site", "procedure", *(ibis._[column] for column in CODING))


def _either(first: ir.StringValue, second: ir.StringValue) -> ir.StringValue:
    """Both texts, a line apart, so that words are found in either."""
    return first.fill_null("") + "\n" + second.fill_null("")

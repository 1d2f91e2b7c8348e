"""Code lists (FHIR ValueSet) and translations (FHIR ConceptMap) on tables of codings.

A list is what a hospital adds its codes to: ``compose.include`` with a system and its concepts, or with a filter
``code regex PATTERN`` over a system. An include without ``system`` matches codings without a system, and no others. The
system ``urn:bedside:text`` holds words looked for in free text. Work is done on the distinct codings and joined back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mappings.code_files import parse_concept_map, parse_value_set, read_concept_map, read_value_set
from mappings.code_model import CodeEntry, CodeList, CodePattern, ConceptMapping, ConceptRow, words_pattern
from mappings.code_systems import code_expression, normalise_code, normalise_system, system_expression
from mappings.errors import DefinitionError
from mappings.table_columns import column_of, new_columns, text_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "CodeEntry",
    "CodeList",
    "CodePattern",
    "ConceptMapping",
    "ConceptRow",
    "matches",
    "matches_text",
    "membership_reason",
    "normalise_code",
    "normalise_system",
    "parse_concept_map",
    "parse_value_set",
    "read_concept_map",
    "read_value_set",
    "translated",
    "translation_reason",
    "with_membership",
    "with_translation",
]


def matches(
    table: ir.Table,
    system_column: str | None,
    code_column: str,
    lists: Mapping[str, CodeList],
    into: str = "list",
    con: Any = None,
) -> ir.Table:
    """The rows of ``table`` whose coding is in a list, once for each list, with its name in column ``into``.

    Rows in no list are not in the result. ``system_column=None`` reads plain codes without a system. Where ``con`` is
    given the distinct codings are computed now, which makes millions of rows faster and smaller in memory.
    """
    import ibis

    hits = _hits(table, system_column, code_column, lists, con)
    if hits is None:
        return table.mutate(**{into: ibis.null("string")}).filter(ibis.literal(False))
    return _join_back(table, hits, system_column, code_column, {into: "_list"}, "inner")


def with_membership(
    table: ir.Table, system_column: str | None, code_column: str, code_list: CodeList, into: str, con: Any = None
) -> ir.Table:
    """``table``, each row once, with a boolean column ``into``: whether its coding is in the list; never null.

    ``system_column=None`` reads plain codes without a system. Systems and codes are brought to one form first. Where
    ``con`` is given the distinct codings are computed now: for millions of rows.

    Raises:
        DefinitionError: a column is missing or of another kind, ``into`` is there already, or the list holds words
            for free text and no code.
    """
    import ibis

    _coding_columns(table, system_column, code_column, into, "membership in a ValueSet")
    hits = _hits(table, system_column, code_column, {code_list.name: code_list}, con)
    if hits is None:
        raise DefinitionError(f"the ValueSet {code_list.name!r} holds words for free text and no code")
    marked = _join_back(table, hits, system_column, code_column, {into: "_list"}, "left")
    return marked.mutate(**{into: ibis.ifelse(marked[into].notnull(), True, False)})


def membership_reason(table: ir.Table, code_column: str, into: str) -> ir.StringValue:
    """Of each row of :func:`with_membership`, to be counted: ``in the list``, ``not in the list`` or ``no code``."""
    import ibis

    return ibis.cases(
        (table[into], ibis.literal("in the list")),
        (table[code_column].isnull(), ibis.literal("no code")),
        else_=ibis.literal("not in the list"),
    )


def matches_text(
    table: ir.Table, text_columns: Sequence[str], lists: Mapping[str, CodeList], into: str = "list"
) -> ir.Table:
    """The rows in whose texts a word of a list stands, once for each list, with its name in column ``into``."""
    import ibis

    parts = []
    for name, made in lists.items():
        if made.words:
            pattern = words_pattern(made.words)
            found = ibis.or_(*(table[column].lower().re_search(pattern).fill_null(False) for column in text_columns))
            parts.append(table.filter(found).mutate(**{into: ibis.literal(name)}))
    if not parts:
        return table.mutate(**{into: ibis.null("string")}).filter(ibis.literal(False))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def translated(
    table: ir.Table, system_column: str | None, code_column: str, mapping: ConceptMapping, into: str, con: Any = None
) -> ir.Table:
    """``table`` with a text column ``into``: the map's target code, null where the map says nothing.

    ``system_column=None`` translates plain values (strings, or integers read as text). Where ``con`` is given the
    distinct codings are computed now: for millions of rows.
    """
    codings = _codings(table, system_column, code_column, con)
    names = {"system": 0, "code": 1, "target": 2}
    rows = _memory(names, [(row.source_system, row.source_code, row.target_code) for row in mapping.rows])
    on = [codings._system.identical_to(rows.system), codings._code == rows.code]
    hits = codings.inner_join(rows, on).select("_raw_system", "_raw_code", _target="target")
    return _join_back(table, hits, system_column, code_column, {into: "_target"}, "left")


def with_translation(
    table: ir.Table, system_column: str | None, code_column: str, mapping: ConceptMapping, into: str, con: Any = None
) -> ir.Table:
    """As :func:`translated`, for columns a person names.

    Raises:
        DefinitionError: a column is missing or of another kind, or ``into`` is there already.
    """
    _coding_columns(table, system_column, code_column, into, "a translation")
    return translated(table, system_column, code_column, mapping, into, con)


def translation_reason(table: ir.Table, code_column: str, into: str) -> ir.StringValue:
    """Of each row of :func:`with_translation`, to be counted: ``not in the map`` or ``no code``; null where it is."""
    import ibis

    return ibis.cases(
        (table[into].notnull(), ibis.null("string")),
        (table[code_column].isnull(), ibis.literal("no code")),
        else_=ibis.literal("not in the map"),
    )


def _coding_columns(table: ir.Table, system_column: str | None, code_column: str, into: str, why: str) -> None:
    if system_column is not None:
        text_column(table, system_column, why)
    column_of(table, code_column, why)
    new_columns(table, [into])


def _hits(
    table: ir.Table, system_column: str | None, code_column: str, lists: Mapping[str, CodeList], con: Any
) -> ir.Table | None:
    """(_raw_system, _raw_code, _list) of the distinct codings that are in a list; None where no list holds a code."""
    import ibis

    codings = _codings(table, system_column, code_column, con)
    listed = [(name, e.system, e.code) for name, made in lists.items() for e in made.entries]
    parts = []
    if listed:
        rows = _memory({"list": 0, "system": 1, "code": 2}, listed)
        on = [codings._system.identical_to(rows.system), codings._code == rows.code]
        parts.append(codings.inner_join(rows, on).select("_raw_system", "_raw_code", _list="list"))
    for name, made in lists.items():
        for pattern in made.patterns:
            same = codings._system.isnull() if pattern.system is None else codings._system == pattern.system
            hit = codings.filter(same & codings._code.re_search(f"(?i)^(?:{pattern.regex})$"))
            parts.append(hit.select("_raw_system", "_raw_code", _list=ibis.literal(name)))
    if not parts:
        return None
    return ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()


def _memory(columns: Mapping[str, int], rows: Sequence[tuple[str | None, ...]]) -> ir.Table:
    import ibis
    import pyarrow as pa

    arrays = {name: pa.array([row[at] for row in rows], pa.string()) for name, at in columns.items()}
    return ibis.memtable(pa.table(arrays))


def _codings(table: ir.Table, system_column: str | None, code_column: str, con: Any = None) -> ir.Table:
    """(_raw_system, _raw_code, _system, _code): the distinct codings of a table, and each brought to one form.

    Kept where ``con`` is given: engines then know that they are few, and build their hash tables on them.
    """
    import ibis

    from mappings import engine

    raw_system = ibis.null("string") if system_column is None else table[system_column]
    raw = table.select(_raw_system=raw_system, _raw_code=table[code_column].cast("string")).distinct()
    raw = raw.filter(raw._raw_code.notnull())
    if con is not None:
        raw = engine.of(con).kept(con, raw)
    if system_column is None:
        known = raw.mutate(_system=ibis.null("string"))
    else:  # systems are far fewer than codings
        systems = raw.select("_raw_system").distinct()
        systems = systems.select(_their="_raw_system", _system=system_expression(systems._raw_system))
        known = raw.join(systems, raw._raw_system.identical_to(systems._their)).drop("_their")
    return known.mutate(_code=code_expression(known._system, known._raw_code))


def _join_back(
    table: ir.Table,
    hits: ir.Table,
    system_column: str | None,
    code_column: str,
    new: Mapping[str, str],
    how: str,
) -> ir.Table:
    on = [table[code_column].cast("string") == hits._raw_code]
    if system_column is not None:
        on.append(table[system_column].identical_to(hits._raw_system))
    joined = table.join(hits, on, how=how)
    kept = [name for name in table.columns if name not in new]
    return joined.select(*kept, **{name: joined[source] for name, source in new.items()})

"""Which resources violate a raw check: their keys, for a protected file on site, never for a result."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from expectations.known_systems import RECOGNISED
from expectations.raw_bits import bit_or, packed, suspect, violates
from expectations.raw_flags import Flag
from expectations.raw_tables import RawTables
from expectations.raw_views import VIEWS

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

COLUMNS = ("check_id", "table", "site", "id", "version", "patient_id")
MOST = 10_000
ALL = 2**31  # more than any table has


def failing_rows(
    tables: Mapping[str, ir.Table],
    today: date,
    systems: frozenset[str] = RECOGNISED,
    wanted: Collection[tuple[str, str]] = (),
    most: int = MOST,
    uncut: Collection[tuple[str, str]] = (),
) -> pd.DataFrame:
    """The resources that violate the ``wanted`` (check, table), in the same tables as :func:`table_findings` counted.

    One row a check, table, site and resource, sorted by these; of each check, table and site at most ``most``, of as
    many patients as can be, but all of those in ``uncut``. ``version`` and ``patient_id`` (the FHIR id, not USUBJID; a
    patient's is its own) are null where the view has none.
    """
    import pandas as pd

    found = []
    with RawTables(tables, today, systems) as raw:
        for name in VIEWS:
            asked = [check for check, table in wanted if table == name]
            if asked and name in tables:
                limits = {check: ALL if (check, name) in uncut else most for check in asked}
                found += _of_view(raw, name, limits)
    made = pd.DataFrame(found, columns=list(COLUMNS)).astype("string")
    return made.sort_values(["check_id", "table", "site", "id"], kind="stable").reset_index(drop=True)


def _of_view(raw: RawTables, name: str, asked: Mapping[str, int]) -> list[dict[str, Any]]:
    """The rows of one view. Resources with a row that may violate are few: only these are put together and judged."""
    import ibis

    nothing = ibis.null("string")
    with raw.judged(name) as judged:

        def packed_rows(rows: Any) -> tuple[Any, dict[str, Flag]]:
            rows, judges = judged.of(rows)
            flags = {check: flag for check, flag in judges.items() if check in asked}
            person = rows.id if name == "patient" else rows.patient_id if "patient_id" in rows.columns else nothing
            version = nothing if VIEWS[name].detail else rows.version
            keys = {"site": rows.site, "id": rows.id, "version": version, "patient_id": person}
            return rows.select(**keys, _bits=packed(flags.values())), flags

        made, flags = packed_rows(judged.rows)
        versions = "resource_id_unique" in asked and not VIEWS[name].detail
        wanted = [suspect(made._bits, n, flag) for n, flag in enumerate(flags.values())]
        parts = [made.filter(ibis.or_(*wanted)).select("site", "id")] if wanted else []
        if versions:
            by_id = made.group_by("site", "id").agg(_n=made.version.nunique())
            parts.append(by_id.filter(by_id._n > 1).select("site", "id"))
        if not parts:
            return []
        suspects = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
        met, _ = packed_rows(judged.rows.semi_join(raw.kept(suspects), ["site", "id"]))
        whole = raw.kept(
            met.group_by("site", "id").agg(
                version=met.version.max(),
                patient_id=met.patient_id.min(),
                _bits=bit_or(met._bits),
                _several=met.version.nunique() > 1,
            )
        )
        wrong = {check: violates(whole._bits, n, flag) for n, (check, flag) in enumerate(flags.items())}
        if versions:
            wrong["resource_id_unique"] = whole._several
        return [
            {"check_id": check, "table": name, **row} for check, is_wrong in wrong.items()
            for row in raw.rows(cut(whole.filter(is_wrong).select(*COLUMNS[2:]), asked[check]))
        ]  # fmt: skip


def cut(wrong: Any, most: int) -> Any:
    """``most`` resources of each site: the first of each patient by id, then the second of each, and so on."""
    import ibis

    of = "patient_id" if "patient_id" in wrong.columns else "id"
    nth = wrong.mutate(_nth=ibis.row_number().over(group_by=["site", of], order_by="id"))
    placed = nth.mutate(_place=ibis.row_number().over(group_by="site", order_by=["_nth", "id"]))
    return placed.filter(placed._place < most).drop("_nth", "_place")

"""Checks of a run against the runs before it and against other sites: counts in, findings out, no table is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING

from expectations import shifts, volume
from expectations.history_counts import Past, ProfileCounts, Where
from expectations.known_systems import RECOGNISED, recognised
from expectations.model import Finding
from expectations.table_profile import PROFILED, RARE, clinical_dates

if TYPE_CHECKING:
    import pandas as pd


def history_findings(
    now: pd.DataFrame,
    earlier: pd.DataFrame,
    today: date,
    sites: Collection[str],
    *,
    until: date | None = None,
    newest_within: Mapping[tuple[str, str], int] | None = None,
    systems: Collection[str] = RECOGNISED,
) -> list[Finding]:
    """Judge ``now`` (`expectations.table_profile.profile`) against ``earlier``, for every site of ``sites``.

    ``earlier`` holds the profiles of comparable runs with ``run`` and ``started`` in front, in any order of rows. With
    a column ``held`` (bool) its rows where this is true are left out: the gate held that site for this table, so they
    are no measure. A site or table that is only in ``earlier`` is judged too: it sends nothing any more. ``until`` is
    the study's data cut-off: what ends there is not late. ``newest_within`` maps a site and table to the
    days its newest record may be old. ``systems`` are the code systems that are not a hospital's own.
    """
    last = today if until is None else min(today, until)
    closed = last < today  # the last months of a window run out by design
    past, present = Past(earlier), ProfileCounts(now)
    found: list[Finding] = []
    for table, view in PROFILED.items():
        if table not in present.tables and table not in past.tables:
            continue
        for site in sites:
            where = Where(site, table, present, past)
            findings = [("records_drop_over_5_percent", volume.gone(where.records, past.records(site, table)))]
            if clinical_dates(view):
                days = past.newest(site, table)
                allowed = None if closed else (newest_within or {}).get((site, table))
                findings += [
                    (
                        "month_volume_outside_2_sd",
                        (0, 0) if closed else volume.months_outside(where.now("month"), last),
                    ),
                    ("freshness_within_schedule", volume.overdue(where.newest, days, last, allowed)),
                ]
            findings.append(("missingness_shift", _emptier(where)))
            if view.coded:
                findings += [
                    ("usual_codes_still_sent", _codes_gone(where)),
                    ("code_mix_shift", shifts.worst(where.codes().values())),
                    ("codes_taken_by_a_list", _untaken(where, frozenset(systems))),
                ]
                if len(sites) > 1:
                    findings.append(("code_mix_against_other_sites", shifts.worst(where.others(sites).values())))
            if view.coded and view.quantity is not None:
                findings += [
                    ("unit_mix_shift", shifts.worst(where.units().values())),
                    ("value_distribution_shift", shifts.worst(where.values().values())),
                ]
            if table == "patient":
                findings.append(("sex_and_age_mix_against_history", shifts.worst(where.people().values())))
            found += [
                Finding(check, table, denominator, numerator, site=site) for check, (numerator, denominator) in findings
            ]
    return found


def _emptier(where: Where) -> tuple[int, int]:
    """The column whose rows without a value grew by the largest share of all rows."""
    rows = where.now("rows").get("", 0)
    if min(rows, where.usual("rows").get("", 0)) < shifts.LEAST:
        return 0, 0
    lost, of = shifts.worst(where.emptier().values())
    return (lost, of) if lost else (0, rows)


def _codes_gone(where: Where) -> tuple[int, int]:
    usual = where.usual_codes()
    return sum(not where.now("code").get(key) for key in usual), len(usual)


def _untaken(where: Where, systems: frozenset[str]) -> tuple[int, int]:
    """Codings in the hospital's own systems whose records no list takes, of all; not where no list is looked for."""
    taken = where.now("taken")
    if not taken:
        return 0, 0
    left = {key: n for key, n in where.now("unmapped").items() if key != RARE}
    local = sum(n for key, n in left.items() if not recognised(key.partition("|")[0], systems))
    return local, sum(taken.values()) + sum(left.values())

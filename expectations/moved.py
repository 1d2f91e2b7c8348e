"""What is behind a check with history: which keys, how many there are now, and how many were to be expected."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from expectations import shifts
from expectations.history_counts import Mix, Past, ProfileCounts, Where
from expectations.known_systems import RECOGNISED, recognised
from expectations.table_profile import RARE
from expectations.volume import outside

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Moved:
    """One key with its count now; ``expected`` None where nothing is usual. ``of`` says what the key is one of: a
    code, a code and its unit, a column; empty for all of a table."""

    of: str
    key: str
    now: int
    expected: float | None


class Behind:
    """The profiles of a run and of those before it, asked what is behind one finding after the other."""

    def __init__(self, now: pd.DataFrame, earlier: pd.DataFrame) -> None:
        self._present, self._past = ProfileCounts(now), Past(earlier)

    def moved(
        self,
        check: str,
        table: str,
        site: str,
        last: date,
        sites: Collection[str],
        systems: Collection[str] = RECOGNISED,
    ) -> list[Moved]:
        """The keys that make a finding of ``check``, the furthest from what is expected first; none where it has none.

        ``last``: the day of the extract, or the study's data cut-off where that is earlier.
        """
        where = Where(site, table, self._present, self._past)
        mixes: dict[str, Callable[[], dict[str, Mix]]] = {
            "code_mix_shift": where.codes,
            "unit_mix_shift": where.units,
            "value_distribution_shift": where.values,
            "sex_and_age_mix_against_history": where.people,
            "missingness_shift": where.emptier,
            "code_mix_against_other_sites": lambda: where.others(sites),
        }
        if check in mixes:
            return _keys(mixes[check]())
        if check == "records_drop_over_5_percent":
            before = self._past.records(site, table)
            return [Moved("", "records", where.records, before)] if before is not None else []
        if check == "month_volume_outside_2_sd":
            months, _ = outside(where.now("month"), last)
            return [Moved("", month, n, mean) for month, n, mean in months]
        if check == "usual_codes_still_sent":
            usual, runs = where.usual("code"), max(1, where.past.runs.get((site, table), 0))
            gone = [key for key in where.usual_codes() if not where.now("code").get(key)]
            return _sorted([Moved("", key, 0, usual[key] / runs) for key in gone])
        if check == "codes_taken_by_a_list":
            left = where.now("unmapped")
            local = {k: n for k, n in left.items() if k != RARE and not recognised(k.partition("|")[0], systems)}
            return [Moved("", key, n, None) for key, n in sorted(local.items(), key=lambda one: (-one[1], one[0]))]
        return []


def _keys(mixes: dict[str, Mix]) -> list[Moved]:
    """The keys of the mix that moved most."""
    most = shifts.worst(mixes.values())
    if not most[0]:
        return []
    name = next(name for name, mix in mixes.items() if shifts.worst([mix]) == most)
    now, usual = mixes[name]
    n, pooled = sum(now.values()), sum(usual.values())
    keys = sorted({*now, *usual})
    return _sorted([Moved(name, key, now.get(key, 0), n * usual.get(key, 0) / pooled) for key in keys])


def _sorted(moved: list[Moved]) -> list[Moved]:
    return sorted(moved, key=lambda one: (-abs(one.now - (one.expected or 0.0)), one.key))

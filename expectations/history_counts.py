"""Profiles as plain counts: of this run, of the earlier ones together, and of one table of one site in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING

from expectations.table_profile import COLUMNS, FLOOR, RARE

if TYPE_CHECKING:
    import pandas as pd

POOLED = 12
"""Earlier runs, the newest of a site's table, whose counts together are what is usual."""
LEAST_RUNS = 3
"""Earlier runs that must all have had a code for it to be usual."""
THIN = 2 * FLOOR
"""Keys that fewer patients have, now and then, are not told apart: they may come and go at the floor of naming."""

Counts = Mapping[str, int]
Mix = tuple[Counts, Counts]
"""Counts by key, now and as usual."""


class ProfileCounts:
    """A profile as plain counts by site, table and kind."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.n: dict[tuple[str, str, str], dict[str, int]] = {}
        self.patients: dict[tuple[str, str, str], dict[str, int]] = {}
        for site, table, kind, key, n, patients in zip(
            *(rows[c] for c in ("site", "table", "kind", "key", "n", "patients")), strict=True
        ):
            self.n.setdefault((site, table, kind), {})[key] = int(n)
            self.patients.setdefault((site, table, kind), {})[key] = int(patients)
        self.tables = {table for _, table, _ in self.n}


class Past:
    """The earlier runs: what is usual is the sum of the newest ``POOLED`` of each site's table."""

    def __init__(self, rows: pd.DataFrame) -> None:
        if rows.empty:  # the first run of all
            rows = rows.reindex(columns=["run", "started", *COLUMNS])
        elif "held" in rows:
            rows = rows[~rows["held"].astype(bool)]
        self._records: dict[tuple[str, str], list[int]] = {}
        self._newest: dict[tuple[str, str], list[date]] = {}
        self.runs: dict[tuple[str, str], int] = {}
        self.runs_with: dict[tuple[str, str], Counter[str]] = {}
        self.tables = set(rows["table"])
        ordered = rows.sort_values(["started", "run"], kind="stable")
        counted = ordered[ordered["kind"] == "records"]
        for site, table, n in zip(counted["site"], counted["table"], counted["n"], strict=True):
            self._records.setdefault((site, table), []).append(int(n))
        newest = ordered[ordered["kind"] == "newest"]
        for site, table, key in zip(newest["site"], newest["table"], newest["key"], strict=True):
            self._newest.setdefault((site, table), []).append(date.fromisoformat(key))
        self.pooled = ProfileCounts(self._pool(ordered, counted))

    def records(self, site: str, table: str) -> int | None:
        """Records of the newest run that counts."""
        return self._records.get((site, table), [None])[-1]

    def newest(self, site: str, table: str) -> list[date]:
        return self._newest.get((site, table), [])

    def _pool(self, ordered: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
        last = counted.groupby(["site", "table"]).tail(POOLED)[["site", "table", "run"]]
        rows = ordered.merge(last, on=["site", "table", "run"])
        rows = rows[rows["kind"].isin(["rows", "code", "unit", "value", "missing"])]
        codes = rows[(rows["kind"] == "code") & (rows["patients"] >= THIN)]
        # A run whose codes were not kept, or not read, says nothing of a code.
        with_codes = rows.loc[rows["kind"] == "code", ["site", "table", "run"]].drop_duplicates()
        self.runs.update(Counter(zip(with_codes["site"], with_codes["table"], strict=True)))
        for site, table, key in zip(codes["site"], codes["table"], codes["key"], strict=True):
            self.runs_with.setdefault((site, table), Counter())[key] += 1
        pooled = rows.groupby(["site", "table", "kind", "key"]).agg(n=("n", "sum"), patients=("patients", "max"))
        return pooled.reset_index()


class Where:
    """One table of one site, now and as usual."""

    def __init__(self, site: str, table: str, present: ProfileCounts, past: Past) -> None:
        self.site, self.table, self.present, self.past = site, table, present, past

    def now(self, kind: str) -> Counts:
        return self.present.n.get((self.site, self.table, kind), {})

    def usual(self, kind: str) -> Counts:
        return self.past.pooled.n.get((self.site, self.table, kind), {})

    @property
    def records(self) -> int:
        return self.now("records").get("", 0)

    @property
    def newest(self) -> date | None:
        return max((date.fromisoformat(day) for day in self.now("newest")), default=None)

    def mix(self, kind: str, fold: bool = True) -> Mix:
        """Counts now and usual; thin keys are folded into ``RARE``, or left out."""
        where = (self.site, self.table, kind)
        patients = self.present.patients.get(where, {}), self.past.pooled.patients.get(where, {})
        return thinned(self.now(kind), self.usual(kind), patients[0], patients[1], fold=fold)

    def usual_codes(self) -> list[str]:
        """Codes that at least ``THIN`` patients had in each of the last runs; none where these are too few."""
        runs = self.past.runs.get((self.site, self.table), 0)
        if runs < LEAST_RUNS:
            return []
        with_code = self.past.runs_with.get((self.site, self.table), Counter())
        return [key for key, n in with_code.items() if n == runs and key != RARE]

    def codes(self) -> dict[str, Mix]:
        """One mix: all codes."""
        return {"": self.mix("code")}

    def units(self) -> dict[str, Mix]:
        """A mix for each code: its units."""
        return _by_first(*self.mix("unit", fold=False))

    def values(self) -> dict[str, Mix]:
        """A mix for each code and unit: its bins."""
        return _by_first(self.now("value"), self.usual("value"))

    def people(self) -> dict[str, Mix]:
        """Sexes for themselves, and decades of birth."""
        now, usual = self.mix("code")
        return {
            prefix: ({k: n for k, n in now.items() if k.startswith(prefix)},
                     {k: n for k, n in usual.items() if k.startswith(prefix)})
            for prefix in ("gender", "birth")
        }  # fmt: skip

    def emptier(self) -> dict[str, Mix]:
        """Rows with and without a value, for each column that is empty more often than usual."""
        rows, before = self.now("rows").get("", 0), self.usual("rows").get("", 0)
        empty = self.now("missing")
        return {
            column: (
                {"without": empty.get(column, 0), "with": rows - empty.get(column, 0)},
                {"without": n, "with": before - n},
            )
            for column, n in sorted(self.usual("missing").items())
            if empty.get(column, 0) * before > n * rows
        }

    def others(self, sites: Collection[str]) -> dict[str, Mix]:
        """One mix: the codes of this site, and those of the other sites together."""
        counts: dict[str, int] = {}
        patients: dict[str, int] = {}
        for site in sites:
            if site != self.site:
                at = (site, self.table, "code")
                for key, n in self.present.n.get(at, {}).items():
                    counts[key] = counts.get(key, 0) + n
                    patients[key] = max(patients.get(key, 0), self.present.patients[at][key])
        own = self.present.patients.get((self.site, self.table, "code"), {})
        return {"": thinned(self.now("code"), counts, own, patients)}


def thinned(now: Counts, usual: Counts, patients_now: Counts, patients_usual: Counts, fold: bool = True) -> Mix:
    """Counts of both sides in which keys that few patients have are folded into ``RARE``, or left out."""

    def thick(key: str) -> bool:
        return key != RARE and max(patients_now.get(key, 0), patients_usual.get(key, 0)) >= THIN

    made = []
    for counts in (now, usual):
        kept = {key: n for key, n in counts.items() if thick(key)}
        rest = sum(counts.values()) - sum(kept.values())
        made.append({**kept, RARE: rest} if fold and rest else kept)
    return made[0], made[1]


def _by_first(now: Counts, usual: Counts) -> dict[str, Mix]:
    groups: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
    for side, counts in enumerate((now, usual)):
        for key, n in sorted(counts.items()):
            first, _, rest = key.rpartition("|")
            groups.setdefault(first, ({}, {}))[side][rest] = n
    return {first: groups[first] for first in sorted(groups)}

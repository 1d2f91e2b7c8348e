"""Checks of a run against the runs before it and against other sites: counts in, findings out, no table is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from expectations import shifts, volume
from expectations.model import Finding
from expectations.raw import RECOGNISED
from expectations.table_profile import FLOOR, PROFILED, RARE, clinical_dates

if TYPE_CHECKING:
    import pandas as pd

POOLED = 12
"""Earlier runs, the newest of a site's table, whose counts together are what is usual."""
LEAST_RUNS = 3
"""Earlier runs that must all have had a code for it to be usual."""
_THIN = 2 * FLOOR
"""Keys that fewer patients have, now and then, are not told apart: they may come and go at the floor of naming."""
_OWN = ("http://terminology.hl7.org/", "http://hl7.org/fhir/")

Counts = Mapping[str, int]


def history_findings(
    now: pd.DataFrame,
    earlier: pd.DataFrame,
    today: date,
    sites: Collection[str],
    *,
    until: date | None = None,
    schedules: Mapping[str, int] | None = None,
    systems: Collection[str] = RECOGNISED,
) -> list[Finding]:
    """Judge ``now`` (`expectations.table_profile.profile`) against ``earlier``, for every site of ``sites``.

    ``earlier`` holds the profiles of comparable runs with ``run`` and ``started`` in front, in any order of rows. With
    a column ``held`` (bool) its rows where this is true are left out: the gate held that site for this table, so they
    are no measure. A site or table that is only in ``earlier`` is judged too: it sends nothing any more. ``until`` is
    the study's data cut-off: what ends there is not late. ``schedules`` maps a site to the days it may take between
    newer records. ``systems`` are the code systems that are not a hospital's own.
    """
    last = today if until is None else min(today, until)
    if earlier.empty:  # the first run of all
        earlier = now.head(0).assign(run="", started="")
    past = _Past(earlier)
    present = _Counts(now)
    found: list[Finding] = []
    for table, view in PROFILED.items():
        if table not in present.tables and table not in past.tables:
            continue
        for site in sites:
            where = _Where(site, table, present, past)
            findings = [("records_drop_over_5_percent", volume.gone(where.records, past.records(site, table)))]
            if clinical_dates(view):
                days = past.newest(site, table)
                schedule = (schedules or {}).get(site)
                findings += [
                    ("month_volume_outside_2_sd", volume.months_outside(where.now("month"), last)),
                    ("freshness_within_schedule", volume.overdue(where.newest, days, last, schedule)),
                ]
            findings.append(("missingness_shift", _missing(where)))
            if view.coded:
                findings += [
                    ("usual_codes_still_sent", _codes_gone(where)),
                    ("code_mix_shift", shifts.worst([where.mix("code")])),
                    ("codes_taken_by_a_list", _untaken(where, frozenset(systems))),
                ]
                if len(sites) > 1:
                    findings.append(("code_mix_against_other_sites", _unlike(where, sites)))
            if view.coded and view.quantity is not None:
                findings += [
                    ("unit_mix_shift", shifts.worst(_by_first(*where.mix("unit", fold=False)))),
                    ("value_distribution_shift", shifts.worst(_by_first(where.now("value"), where.usual("value")))),
                ]
            if table == "patient":
                findings.append(("sex_and_age_mix_against_history", shifts.worst(_by_prefix(*where.mix("code")))))
            found += [
                Finding(check, table, denominator, numerator, site=site) for check, (numerator, denominator) in findings
            ]
    return found


class _Counts:
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


class _Past:
    """The earlier runs: what is usual is the sum of the newest ``POOLED`` of each site's table."""

    def __init__(self, rows: pd.DataFrame) -> None:
        if "held" in rows:
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
        self.pooled = _Counts(self._pool(ordered, counted))

    def records(self, site: str, table: str) -> int | None:
        """Records of the newest run that counts."""
        return self._records.get((site, table), [None])[-1]

    def newest(self, site: str, table: str) -> list[date]:
        return self._newest.get((site, table), [])

    def _pool(self, ordered: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
        last = counted.groupby(["site", "table"]).tail(POOLED)[["site", "table", "run"]]
        self.runs.update(Counter(zip(last["site"], last["table"], strict=True)))
        rows = ordered.merge(last, on=["site", "table", "run"])
        rows = rows[rows["kind"].isin(["rows", "code", "unit", "value", "missing"])]
        codes = rows[(rows["kind"] == "code") & (rows["patients"] >= _THIN)]
        for site, table, key in zip(codes["site"], codes["table"], codes["key"], strict=True):
            self.runs_with.setdefault((site, table), Counter())[key] += 1
        pooled = rows.groupby(["site", "table", "kind", "key"]).agg(n=("n", "sum"), patients=("patients", "max"))
        return pooled.reset_index()


class _Where:
    """One table of one site, now and as usual."""

    def __init__(self, site: str, table: str, present: _Counts, past: _Past) -> None:
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

    def mix(self, kind: str, fold: bool = True) -> tuple[Counts, Counts]:
        """Counts now and usual; thin keys are folded into ``RARE``, or left out."""
        where = (self.site, self.table, kind)
        patients = self.present.patients.get(where, {}), self.past.pooled.patients.get(where, {})
        return _thinned(self.now(kind), self.usual(kind), patients[0], patients[1], fold=fold)


def _thinned(
    now: Counts, usual: Counts, patients_now: Counts, patients_usual: Counts, fold: bool = True
) -> tuple[Counts, Counts]:
    def thick(key: str) -> bool:
        return key != RARE and max(patients_now.get(key, 0), patients_usual.get(key, 0)) >= _THIN

    made = []
    for counts in (now, usual):
        kept = {key: n for key, n in counts.items() if thick(key)}
        rest = sum(counts.values()) - sum(kept.values())
        made.append({**kept, RARE: rest} if fold and rest else kept)
    return made[0], made[1]


def _by_first(now: Counts, usual: Counts) -> Iterator[tuple[Counts, Counts]]:
    """A mix for each key before the last bar: of a code its units, of a code and unit its bins."""
    groups: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
    for side, counts in enumerate((now, usual)):
        for key, n in sorted(counts.items()):
            first, _, rest = key.rpartition("|")
            groups.setdefault(first, ({}, {}))[side][rest] = n
    return iter([groups[first] for first in sorted(groups)])


def _by_prefix(now: Counts, usual: Counts) -> Iterator[tuple[Counts, Counts]]:
    """Of patients: sexes for themselves and years of birth for themselves."""
    for prefix in ("gender|", "birth|"):
        then, before = ({k: n for k, n in counts.items() if k.startswith(prefix)} for counts in (now, usual))
        yield then, before


def _missing(where: _Where) -> tuple[int, int]:
    """The column whose rows without a value grew by the largest share of all rows."""
    rows, before = where.now("rows").get("", 0), where.usual("rows").get("", 0)
    empty, usual = where.now("missing"), where.usual("missing")
    grown = [
        ({"without": empty.get(column, 0), "with": rows - empty.get(column, 0)}, {"without": n, "with": before - n})
        for column, n in sorted(usual.items())
        if empty.get(column, 0) * before > n * rows
    ]
    if min(rows, before) < shifts.LEAST:
        return 0, 0
    lost, of = shifts.worst(grown)
    return (lost, of) if lost else (0, rows)


def _codes_gone(where: _Where) -> tuple[int, int]:
    """Of the codes that at least ``_THIN`` patients had in each of the last runs, those that none has now."""
    runs = where.past.runs.get((where.site, where.table), 0)
    if runs < LEAST_RUNS:
        return 0, 0
    with_code = where.past.runs_with.get((where.site, where.table), Counter())
    usual = [key for key, n in with_code.items() if n == runs and key != RARE]
    return sum(not where.now("code").get(key) for key in usual), len(usual)


def _untaken(where: _Where, systems: frozenset[str]) -> tuple[int, int]:
    """Codings in the hospital's own systems whose records no list takes, of all; not where no list is looked for."""
    taken = where.now("taken")
    if not taken:
        return 0, 0
    left = {key: n for key, n in where.now("unmapped").items() if key != RARE}
    local = sum(n for key, n in left.items() if not recognised(key.partition("|")[0], systems))
    return local, sum(taken.values()) + sum(left.values())


def recognised(system: str, systems: Collection[str]) -> bool:
    """Whether a code system (normalised) is a known one, or FHIR's own."""
    return system in systems or system.startswith(_OWN)


def _unlike(where: _Where, sites: Collection[str]) -> tuple[int, int]:
    others: dict[str, int] = {}
    patients: dict[str, int] = {}
    for site in sites:
        if site != where.site:
            at: Any = (site, where.table, "code")
            for key, n in where.present.n.get(at, {}).items():
                others[key] = others.get(key, 0) + n
                patients[key] = max(patients.get(key, 0), where.present.patients[at][key])
    own = where.present.patients.get((where.site, where.table, "code"), {})
    return shifts.worst([_thinned(where.now("code"), others, own, patients)])

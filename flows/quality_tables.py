"""Checks on tables as mapped: counts by site from Ibis, judged by Great Expectations, and which rows failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from analysis.study.own_checks import NotBefore
from expectations.catalogue import Asked
from expectations.frames import FRAMES
from expectations.ledger import TypeCounts
from expectations.model import Check, Finding
from expectations.outcomes import Outcome, outcome

if TYPE_CHECKING:
    import pandas as pd

    from flows.quality_counts import Counts

_WITHIN = Check(
    id="share_is_accepted",
    table="shares",
    category="conformance: value",
    reason="a percentage of violations is at most the threshold",
    consequence="the check fails",
    rule=NotBefore(kind="not_before", column="ACCEPTED", other="SHARE"),
)
MOST_FAILURES = 10_000
"""Rows kept of one check, table and site: enough to see what is wrong, and a file that stays small. Patients come
before further rows of the same, so that subjects touched are counted up to as many."""


@dataclass(frozen=True)
class Judged:
    """Outcomes, and the rows that failed: check_id, table, site, resource, version, patient_id."""

    outcomes: list[Outcome]
    failures: pd.DataFrame


def judge_tables(
    tables: Mapping[str, Any],
    types: Mapping[str, Mapping[str, TypeCounts]],
    asked: Asked,
    sites: Sequence[str],
    today: date,
    systems: frozenset[str],
    counts: Counts,
    until: date | None = None,
    newest_within: Mapping[tuple[str, str], int] | None = None,
) -> Judged:
    """Judge every raw check at every site.

    Args:
        tables: the standard views, narrowed to the records a study uses; patients whole.
        types: the arrival half of the ledger, by site and type.
        asked: the checks as they hold at each site.
        sites: the sites of the run, whether they sent anything or not.
        today: the day of the extract.
        systems: code systems that count as known.
        counts: of this run's tables, and of comparable runs before.
        until: the data cut-off of a study, after which nothing is late.
        newest_within: the days the newest record may be old, by site and table, where somebody says so.
    """
    from expectations.own_raw import own_findings
    from expectations.raw import landing_findings, table_findings

    found = landing_findings(types) + table_findings(tables, today, systems)
    found += _beside_others(asked, counts, today, sites, until, systems, newest_within or {})
    found += own_findings(tables, _of_rows(asked.checks.values(), tables), sites)
    for site in sites:
        found += own_findings(tables, _of_rows(asked.own_of(site), tables), [site])
    outcomes = judged_counts(asked, [*found, *_not_found(found, asked, sites)])
    return Judged(outcomes, _failures(outcomes, tables, today, systems))


def _beside_others(
    asked: Asked,
    counts: Counts,
    today: date,
    sites: Sequence[str],
    until: date | None,
    systems: frozenset[str],
    newest_within: Mapping[tuple[str, str], int],
) -> list[Finding]:
    from expectations.history import history_findings

    error = counts.error
    if not error:
        try:
            return history_findings(
                counts.now, counts.earlier, today, sites,
                until=until, newest_within=newest_within, systems=systems,
            )  # fmt: skip
        except Exception as fault:  # its message may hold what a file held
            error = f"it could not be held against other runs ({type(fault).__name__})"
    beside = [c for c in asked.checks.values() if c.rule.kind == "history" and c.table not in FRAMES]
    return [Finding(check.id, check.table, 0, 0, error=error, site=site) for check in beside for site in sites]


def _of_rows(checks: Iterable[Check], tables: Mapping[str, Any]) -> list[Check]:
    return [check for check in checks if check.rule.kind not in _WITHOUT_ROWS and check.table in tables]


def _not_found(found: Sequence[Finding], asked: Asked, sites: Sequence[str]) -> list[Finding]:
    """Findings for what has none, so that no check is lost on the way: at a site without a row of a table there was
    nothing to look at, and so at every site for a check that no table of this run can be asked."""
    seen = {(f.check_id, f.table, f.site) for f in found}
    pairs = dict.fromkeys(
        (f.check_id, f.table) for f in found if asked.at(f.check_id, f.site).scope == "site" and f.site
    )
    missing = [
        Finding(check, table, 0, 0, site=site) for check, table in pairs for site in sites
        if (check, table, site) not in seen and check in asked.checks
    ]  # fmt: skip
    named = {f.check_id for f in found}
    for check in asked.checks.values():
        if check.raw and check.table not in FRAMES and check.id not in named:
            missing += [Finding(check.id, check.table, 0, 0, site=site) for site in sites]
    return missing


def judged_counts(asked: Asked, found: Sequence[Finding]) -> list[Outcome]:
    """Judge each count, and have Great Expectations judge the percentages beside what is accepted, a row each.

    Where the two do not say the same, or it could not be asked, the outcome is an error.
    """
    import pandas as pd

    from expectations.gx import judge

    outcomes = [outcome(asked.at(f.check_id, f.site), f) for f in found]
    shares = pd.DataFrame(
        {
            "ACCEPTED": [one.check.threshold for one in outcomes],
            "SHARE": [100 * f.numerator / f.denominator if f.denominator else None for f in found],
        },
        dtype="float64",
    )
    (judged,) = judge(shares, [_WITHIN], {})
    beyond, doubt = set(judged.rows), judged.error or "Great Expectations judges its percentage otherwise"
    return [
        outcome(one.check, replace(one.finding, error=doubt))
        if not one.finding.error and (judged.error or (at in beyond) != (one.status == "FAIL"))
        else one
        for at, one in enumerate(outcomes)
    ]


def _failures(
    outcomes: Iterable[Outcome], tables: Mapping[str, Any], today: date, systems: frozenset[str]
) -> pd.DataFrame:
    """The rows behind the violations. Those of checks that drop subjects are whole: each must be found."""
    import pandas as pd

    from expectations.own_raw import own_failing
    from expectations.raw_failures import failing_rows

    failed = [one for one in outcomes if one.finding.numerator and one.finding.table in tables]
    counted = {(one.check.id, one.finding.table) for one in failed if one.check.rule.kind == "counted"}
    dropping = {(one.check.id, one.finding.table) for one in failed if one.check.action == "drop"}
    parts = [failing_rows(tables, today, systems, counted, MOST_FAILURES, dropping)]
    # Sites may mean different rules by one name: each is looked at with its own.
    for one in (o for o in failed if o.check.rule.kind not in _WITHOUT_ROWS):
        most = None if one.check.action == "drop" else MOST_FAILURES
        table = tables[one.finding.table]
        rows = own_failing(table.filter(table.site == one.finding.site), one.check, most)
        parts.append(rows.assign(check_id=one.check.id, table=one.finding.table))
    rows = pd.concat(parts, ignore_index=True).reindex(
        columns=["check_id", "table", "site", "id", "version", "patient_id"]
    )
    is_patient = rows["table"] == "patient"
    made: pd.DataFrame = rows.assign(patient_id=rows["patient_id"].mask(is_patient, rows["id"]))
    return made


_WITHOUT_ROWS = frozenset({"counted", "history", "gate"})

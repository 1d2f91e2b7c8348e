"""Check: the catalogue on tables and analysis tables, the gate, and the subjects that failed checks drop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from analysis.study.model import Study
from expectations import catalogue
from expectations.ledger import Ledger
from expectations.model import Check, Finding
from expectations.outcomes import Outcome, frame, outcome, verdict
from flows import ledger_files
from flows.engines import connected
from flows.job import Job
from flows.progress import Progress
from flows.run_folder import RunFolder, private_folder, whole
from flows.steps.subjects import note_subjects, read_derived, write_derived
from flows.steps.tables import tables_of
from mappings.errors import GateError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive import Derived


def check(job: Job, run: RunFolder, progress: Progress) -> None:
    """Judge every check that applies and keep the outcomes; then stop, drop subjects, or go on.

    Raises:
        GateError: a check stops the analysis; ``quality/checks.parquet`` is written all the same.
    """
    ledger = ledger_files.require_balance(run, "the checks")
    study = job.comparison
    progress("checks on tables", 0, 1)
    outcomes = _raw(job, run, ledger)
    progress("checks on tables", 1, 1)
    violators: dict[str, list[str]] = {}
    screened = 0
    if study is not None:
        progress("checks on analysis tables", 0, 1)
        derived = read_derived(run)
        screened = len(derived.adsl)
        judged, violators = _analysis(job, run, study, derived)
        outcomes += judged
        progress("checks on analysis tables", 1, 1)
    private_folder(run.checks.parent)
    _keep(frame(outcomes), run)
    if study is None:
        run.step_done("check", _statuses(outcomes))
        return
    decided = verdict(outcomes, violators, screened, study.checks.stop_above_percent)
    if decided.stops:
        raise GateError(
            "the quality gate stopped the analysis:\n"
            + "\n".join(f"  {line}" for line in decided.stops)
            + f"\nthe outcome of every check is in {run.checks}"
        )
    if decided.dropped:
        write_derived(run, _without(derived, decided.dropped))
        note_subjects(run, ledger)
    run.step_done("check", _statuses(outcomes))


def _raw(job: Job, run: RunFolder, ledger: Ledger) -> list[Outcome]:
    from expectations.raw import RECOGNISED, landing_findings, table_findings

    checks = {check.id: check for check in catalogue.raw_checks(job.comparison.checks if job.comparison else None)}
    systems = RECOGNISED | {e.system for made in job.folder.codes.values() for e in made.entries if e.system}
    with connected() as con:
        tables = tables_of(con, run)
        used = _used(job, con, tables) if job.comparison else tables
        counted = landing_findings(ledger.types) + table_findings(used, datetime.now(UTC).date(), systems)
    return _judged_counts(checks, counted)


def _used(job: Job, con: Any, tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables narrowed to records that a list of the study takes; patients whole, and the rest as they came."""
    from mappings.codelists import matches

    study = job.comparison
    assert study is not None
    narrowed = dict(tables)
    for view in ("condition", "procedure", "observation", "medication_administration", "adverse_event"):
        lists = {
            n: job.folder.codes[n] for n, use in study.lists.items() if view in use.table and n in job.folder.codes
        }
        if view in tables and lists:
            found = matches(tables[view], "code_system", "code", lists, con=con).select("site", "id").distinct()
            narrowed[view] = tables[view].semi_join(found, ["site", "id"])
    return narrowed


def _judged_counts(checks: Mapping[str, Check], counted: Sequence[Finding]) -> list[Outcome]:
    """Hand the percentages of violations to Great Expectations, one row a table and site."""
    import pandas as pd

    from expectations.gx import judge

    asked = [checks[name] for name in dict.fromkeys(found.check_id for found in counted)]
    shares = pd.DataFrame(
        [{f.check_id: 100.0 * f.numerator / f.denominator if f.denominator else None} for f in counted],
        columns=[check.id for check in asked],
        dtype="float64",
    )
    errors = {judged.check_id: judged.error for judged in judge(shares, asked, {})}
    return [outcome(checks[f.check_id], replace(f, error=errors[f.check_id])) for f in counted]


def _analysis(job: Job, run: RunFolder, study: Study, derived: Derived) -> tuple[list[Outcome], dict[str, list[str]]]:
    from expectations.frames import analysis_frames
    from expectations.gx import judge

    frames = analysis_frames(
        study, derived.adsl, derived.adrs, derived.adtte, derived.analysis_table, _known_subjects(job, run)
    )
    checks = catalogue.analysis_checks(study)
    sets = {
        "@arms": [arm.label for arm in study.arm],
        "@responses": [*study.response.order, "NE"] if study.response else [],
    }
    outcomes: list[Outcome] = []
    violators: dict[str, list[str]] = {}
    for table in dict.fromkeys(check.table for check in checks):
        asked = [check for check in checks if check.table == table]
        for check, found in zip(asked, judge(frames[table], asked, sets), strict=True):
            keys = _subjects(frames[table], found)
            violators[check.id] = keys
            outcomes.append(outcome(check, found, len(keys)))
    return outcomes, violators


def _subjects(table: pd.DataFrame, found: Finding) -> list[str]:
    if "USUBJID" not in table or not found.rows:
        return []
    return sorted(set(table["USUBJID"].iloc[list(found.rows)]))


def _known_subjects(job: Job, run: RunFolder) -> frozenset[str]:
    from analysis.derive.pseudonym import usubjid

    key, _ = job.key()
    with connected() as con:
        patients = tables_of(con, run)["patient"].select("site", "id").distinct().to_pyarrow().to_pylist()
    return frozenset(usubjid(key, row["site"], row["id"]) for row in patients)


def _without(derived: Derived, dropped: Mapping[str, str]) -> Derived:
    """The analysis tables without the subjects that a check drops; ADSL keeps them with the check as their reason."""
    adsl = derived.adsl.copy()
    gone = adsl["USUBJID"].map(dropped)
    analysed = gone.notna() & (adsl["ANL01FL"] == "Y")
    adsl.loc[analysed, "EXCLRSN"] = gone[analysed]
    adsl.loc[analysed, "ANL01FL"] = "N"
    table = derived.analysis_table
    return replace(
        derived,
        adsl=adsl,
        analysis_table=table[~table["USUBJID"].isin(list(dropped))].reset_index(drop=True),
        variants={name: _without(variant, dropped) for name, variant in derived.variants.items()},
    )


def _keep(outcomes: pd.DataFrame, run: RunFolder) -> None:
    with whole(run.checks) as part:
        outcomes.to_parquet(part, index=False)


def _statuses(outcomes: Sequence[Outcome]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in outcomes:
        counts[one.status] = counts.get(one.status, 0) + 1
    return dict(sorted(counts.items()))

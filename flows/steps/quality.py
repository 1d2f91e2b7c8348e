"""Check: the catalogue on tables and analysis tables, the gate, and whom failed checks remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from analysis.study.model import Study
from expectations.catalogue import DROPPED, Asked
from expectations.gate import SITE_HELD, Override, Verdict, verdict
from expectations.ledger import Ledger
from expectations.outcomes import Outcome, frame
from flows import ledger_files
from flows.engines import connected
from flows.export.quality import keep_quality
from flows.gate_file import read_gate_file
from flows.job import Job
from flows.progress import Progress
from flows.quality_counts import counts_of
from flows.quality_tables import Judged, judge_tables
from flows.run_folder import RunFolder, private_folder, whole
from flows.steps.subjects import derive, note_subjects, read_derived, write_derived
from flows.steps.tables import analysed_sites, tables_of
from mappings.errors import GateError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive import Derived


NARROWED = ("condition", "procedure", "observation", "medication_administration", "adverse_event")
"""Views of which a study uses what its lists take, and no more."""


def check(job: Job, run: RunFolder, progress: Progress) -> None:
    """Judge every check that applies and keep the outcomes; then stop, hold a site, drop subjects, or go on.

    Raises:
        GateError: a check stops the analysis; the files in ``quality/`` are written all the same.
    """
    ledger = ledger_files.require_balance(run, "the checks")
    study, asked = job.comparison, job.asked_checks()
    # The day of the extract, so that a run checked again later is judged as it was. An override ends on its own day.
    today, now = date.fromisoformat(str(run.read()["started"])[:10]), datetime.now(UTC).date()
    overrides = read_gate_file(job.folder.path, asked.names, None, now).overrides
    if study is not None and run.read().get("narrowed"):
        derive(job, run, progress)  # an earlier pass took subjects away
    progress("checks on tables", 0, 1)
    private_folder(run.quality)
    judged = _raw(job, run, ledger, asked, today)
    progress("checks on tables", 1, 1)
    if study is None:
        _population(run, job, judged, overrides, now)
        return
    progress("checks on analysis tables", 0, 1)
    derived = read_derived(run)
    here = analysed_sites(job, run)
    outcomes, failures = _with_subjects(job, run, study, derived, asked, judged, here, today)
    subjects = derived.adsl.groupby("SITEID")["USUBJID"].agg(frozenset).to_dict()
    screened = {site: subjects.get(site, frozenset()) for site in here}
    decided = verdict(outcomes, screened, asked.checks[DROPPED], overrides, now)
    _keep(job, run, decided, failures)
    _keep_subjects(run, study, derived, decided, here)
    progress("checks on analysis tables", 1, 1)
    _end(run, decided)
    gone = _removed(derived.adsl, decided)
    run.update(narrowed=bool(gone))  # first: whoever is killed in between derives anew
    if gone:
        write_derived(run, _without(derived, gone))
        note_subjects(run, ledger)
    run.step_done("check", _statuses(decided.outcomes))


def held(run: RunFolder) -> list[str]:
    """The checks that hold single sites out of this run's analysis, one line each, the site first."""
    return [f"{site}: {line}" for site, lines in sorted(run.read().get("held", {}).items()) for line in lines]


def _population(run: RunFolder, job: Job, judged: Judged, overrides: Sequence[Override], now: date) -> None:
    nobody: dict[str, tuple[str, ...]] = dict.fromkeys(analysed_sites(job, run), ())
    decided = verdict(judged.outcomes, nobody, None, overrides, now)
    _keep(job, run, decided, judged.failures.assign(usubjid=None))
    _end(run, decided)
    run.step_done("check", _statuses(decided.outcomes))


def _raw(job: Job, run: RunFolder, ledger: Ledger, asked: Asked, today: date) -> Judged:
    from expectations.known_systems import known_to

    systems = known_to(job.folder.codes)
    sites = analysed_sites(job, run)
    until = job.comparison.index.data_cutoff if job.comparison else None
    with connected() as con:
        tables = tables_of(con, run)
        counts = counts_of(job, run, tables, sites, today)
        used = _used(job, con, tables) if job.comparison else tables
        return judge_tables(used, ledger.types, asked, sites, today, systems, counts, until, job.newest_within())


def _used(job: Job, con: Any, tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables narrowed to records that a list of the study takes; patients whole, and the rest as they came."""
    from expectations.table_profile import taken_by, taken_records

    narrowed = dict(tables)
    taken = taken_by(job.comparison, job.folder.codes)
    for view, lists in taken.items():
        if view in NARROWED and view in tables:
            used = taken_records(tables[view], lists, con)
            part = f"{view}_component"  # what is taken for one of its parts is used too
            if part in taken and part in tables:
                used = used.union(taken_records(tables[part], taken[part], con), distinct=True)
            narrowed[view] = tables[view].semi_join(used, ["site", "id"])
    return narrowed


def _with_subjects(
    job: Job,
    run: RunFolder,
    study: Study,
    derived: Derived,
    asked: Asked,
    judged: Judged,
    sites: Sequence[str],
    today: date,
) -> tuple[list[Outcome], pd.DataFrame]:
    """The outcomes on tables with the screened subjects they touch, those on analysis tables, and all failing rows."""
    import pandas as pd

    from analysis.derive.pseudonym import usubjid
    from flows.quality_subjects import judge_subjects

    key, _ = job.key()
    with connected() as con:
        columns = ["site", "id", "gender", "birth_date"]
        patients = tables_of(con, run)["patient"].select(*columns).distinct().to_pandas()
    patients["usubjid"] = [usubjid(key, *one) for one in zip(patients["site"], patients["id"], strict=True)]
    # Whom two sites may both have: of one site alone nobody is asked.
    known = patients[patients["gender"].notna() & patients["birth_date"].str.len().eq(10) & (len(sites) > 1)]
    people = dict(zip(known["usubjid"], known["gender"] + "|" + known["birth_date"], strict=True))
    owners = patients.drop_duplicates(["site", "id"]).set_index(["site", "id"])["usubjid"]
    rows = judged.failures
    owned = pd.MultiIndex.from_frame(rows[["site", "patient_id"]])
    rows = rows.assign(usubjid=owners.reindex(owned).to_numpy())
    screened = set(derived.adsl["USUBJID"])
    of = rows[rows["usubjid"].isin(list(screened))].groupby(["check_id", "table", "site"])["usubjid"].unique().to_dict()
    outcomes = [
        replace(one, keys=tuple(sorted(of.get((one.check.id, one.finding.table, one.finding.site), ()))))
        for one in judged.outcomes
    ]
    more, failing = judge_subjects(study, derived, asked, sites, frozenset(owners), people, today)
    return outcomes + more, pd.concat([rows, failing], ignore_index=True)


def _removed(adsl: pd.DataFrame, decided: Verdict) -> dict[str, str]:
    """Whom the gate takes from the analysis set: subjects that checks drop, and all of a site that is held."""
    at_held = adsl.loc[adsl["SITEID"].isin(list(decided.held)), "USUBJID"]
    return {**decided.dropped, **dict.fromkeys(at_held, SITE_HELD)}


def _without(derived: Derived, gone: Mapping[str, str]) -> Derived:
    """The analysis tables without the subjects that the gate removes; ADSL keeps them with the reason."""
    adsl = derived.adsl.copy()
    reason = adsl["USUBJID"].map(dict(gone))
    analysed = reason.notna() & (adsl["ANL01FL"] == "Y")
    adsl.loc[analysed, "EXCLRSN"] = reason[analysed]
    adsl.loc[analysed, "ANL01FL"] = "N"
    table = derived.analysis_table
    return replace(
        derived,
        adsl=adsl,
        analysis_table=table[~table["USUBJID"].isin(list(gone))].reset_index(drop=True),
        variants={name: _without(variant, gone) for name, variant in derived.variants.items()},
    )


def _keep(job: Job, run: RunFolder, decided: Verdict, failures: pd.DataFrame) -> None:
    head = {"run": run.id, "study": job.study.study.id, "started": str(run.read()["started"])}
    _write(frame(decided.outcomes, head), run.checks)
    _write(_resources(failures), run.failures)
    keep_quality(job, run)
    overridden = sorted(
        {(o.check.id, o.finding.table, o.finding.site, o.overridden) for o in decided.outcomes if o.overridden}
    )
    run.update(
        held={site: list(lines) for site, lines in sorted(decided.held.items())},
        overridden=[dict(zip(("check", "table", "site", "by"), one, strict=True)) for one in overridden],
    )


def _keep_subjects(run: RunFolder, study: Study, derived: Derived, decided: Verdict, sites: Sequence[str]) -> None:
    from expectations.subjects import left, touched, usable

    values = usable(study, derived.adsl, derived.adrs, derived.adtte)
    gone = _removed(derived.adsl, decided)
    _write(touched(decided.outcomes, gone, values, run.id), run.quality / "touched.parquet")
    _write(left(derived.adsl, gone, values, sites, run.id), run.quality / "subjects.parquet")


def _resources(failures: pd.DataFrame) -> pd.DataFrame:
    from expectations.raw_views import VIEWS

    types = failures["table"].map({name: view.type for name, view in VIEWS.items()})
    named = types + "/" + failures["id"].astype("string")
    kept = failures.assign(resource=failures["resource"].fillna(named) if "resource" in failures else named)
    columns = ["check_id", "table", "site", "resource", "version", "patient_id", "usubjid"]
    return kept.reindex(columns=columns).astype("string")


def _write(table: pd.DataFrame, path: Any) -> None:
    with whole(path) as part:
        table.to_parquet(part, index=False)


def _end(run: RunFolder, decided: Verdict) -> None:
    if decided.stops:
        raise GateError(
            "the quality gate stopped the analysis:\n"
            + "\n".join(f"  {line}" for line in decided.stops)
            + f"\nthe outcome of every check is in {run.checks}"
        )


def _statuses(outcomes: Sequence[Outcome]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in outcomes:
        counts[one.status] = counts.get(one.status, 0) + 1
    return dict(sorted(counts.items()))

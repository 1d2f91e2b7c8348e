"""Derive: from tables to the analysis tables, subjects under keyed-hash ids."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from expectations.ledger import Ledger
from flows import ledger_files
from flows.engines import connected
from flows.export.data_sets import write_data_sets, write_dictionary
from flows.job import Job
from flows.progress import Progress
from flows.run_folder import RunFolder, private_folder, whole
from flows.steps.tables import tables_of

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive import Derived

_FRAMES = ("adsl", "adrs", "adtte", "analysis_table", "counts")
_ASKED_FOR = ("adtr", "adex", "adae")  # only where the study has lesion measurements, or describes these
_SENSITIVITY = "sensitivity"


def derive(job: Job, run: RunFolder, progress: Progress) -> None:
    """Write ADSL, ADRS, ADTTE, the analysis table, what was not used, and the tables of each sensitivity analysis."""
    import analysis.derive as room

    study = job.comparison
    assert study is not None
    ledger = ledger_files.require_balance(run, "derivation")
    key, _ = job.key()
    progress("deriving", 0, 1)
    with connected(job.engine) as con:
        tables = tables_of(con, run)
        derived = room.derive(study, job.folder.codes, job.folder.maps, tables, key, job.site_rules(), con)
    write_derived(run, derived)
    run.update(narrowed=False)
    write_dictionary(study, run.analysis, job.asked_checks())
    progress("deriving", 1, 1)
    note_subjects(run, ledger)


def note_subjects(run: RunFolder, ledger: Ledger) -> None:
    """Count the subjects of the tables just written into the ledger."""
    run.step_done("derive")
    counted = ledger_files.recount(run)
    subjects = counted.subjects
    assert subjects is not None
    ledger_files.write(run, replace(ledger, subjects=subjects, analysis=counted.analysis or {}))
    run.step_done("derive", {"screened": subjects.screened, "analysed": subjects.analysed})


def write_derived(run: RunFolder, derived: Derived, folder: str = "") -> None:
    """Write analysis tables as Parquet, and the data sets as CSV too, each whole or not at all."""
    place = private_folder(run.analysis) / folder
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (*_FRAMES, *(name for name in _ASKED_FOR if getattr(derived, name) is not None)):
        with whole(place / f"{name}.parquet") as part:
            getattr(derived, name).to_parquet(part, index=False)
    write_data_sets(derived, place)
    for name, variant in derived.variants.items():
        write_derived(run, variant, f"{_SENSITIVITY}/{name}")


def read_counts(run: RunFolder) -> pd.DataFrame:
    """What was not used and why, as `derive` counted it."""
    import pandas as pd

    return pd.read_parquet(run.analysis / "counts.parquet")


def read_derived(run: RunFolder, folder: str = "") -> Derived:
    """Read the analysis tables back."""
    import pandas as pd

    from analysis.derive import Derived

    frames = {name: pd.read_parquet(run.analysis / folder / f"{name}.parquet") for name in _FRAMES}
    there = {name: run.analysis / folder / f"{name}.parquet" for name in _ASKED_FOR}
    asked = {name: pd.read_parquet(path) for name, path in there.items() if path.exists()}
    variants = sorted(p.name for p in (run.analysis / _SENSITIVITY).glob("*") if p.is_dir()) if not folder else []
    held = {name: read_derived(run, f"{_SENSITIVITY}/{name}") for name in variants}
    return Derived(**frames, variants=held, **asked)

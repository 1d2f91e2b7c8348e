"""The data sets of a run with an R script that recomputes its main figures: a folder that stays on site."""

from __future__ import annotations

from pathlib import Path

from analysis.export.r_script import r_script
from flows.export.comparison import compared, empty_folder
from flows.export.data_sets import DATA_SETS, DICTIONARY
from flows.job import Job
from flows.release import looked, release_of
from flows.run_folder import RunFolder, write_bytes
from flows.steps.comparison import as_csv
from mappings.errors import DefinitionError

SCRIPT = "recompute.R"


def write_for_r(job: Job, run: RunFolder, folder: Path) -> list[str]:
    """Write data sets, dictionary, unsuppressed results and script into an empty folder; returns the names.

    Raises:
        DefinitionError: arms may not be compared, or the run holds no comparison yet, or no data sets as CSV.
    """
    import pandas as pd

    study = compared(job, run)
    seen = release_of(job, run)
    if seen.masked or run.read().get("masked"):
        raise DefinitionError(f"nothing to recompute: {seen.note or 'arms are masked in this run'}")
    if not (run.analysis / DICTIONARY).exists():
        raise DefinitionError(
            f"{run.root} was derived before data sets were written as CSV; run: bedside derive {run.root}"
        )
    if seen.locked_study:
        looked(job, run, "export")
    empty_folder(folder)
    copied = [f"{name}.csv" for name in DATA_SETS if (run.analysis / f"{name}.csv").exists()]
    for name in (*copied, DICTIONARY):
        write_bytes(folder / name, (run.analysis / name).read_bytes())
    write_bytes(folder / "results.csv", as_csv(pd.read_parquet(run.results / "results.parquet")))
    write_bytes(folder / SCRIPT, r_script(study).encode())
    return [*copied, DICTIONARY, "results.csv", SCRIPT]

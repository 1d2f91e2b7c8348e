"""Analyse: the comparison of treatments as one long table, and the only copy of it that may leave the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.study.model import Study
from flows import ledger_files
from flows.job import Job
from flows.progress import Progress
from flows.run_folder import RunFolder, private_folder, write_bytes
from flows.steps.subjects import read_derived
from flows.summary import synthetic_note

if TYPE_CHECKING:
    import pandas as pd


def analyse(job: Job, run: RunFolder, progress: Progress) -> None:
    """Write ``results/results.parquet`` (unsuppressed, stays on site) and ``results/results.csv`` (suppressed)."""
    from analysis.stats.disclosure import suppress
    from analysis.stats.results import analyse as compare

    study = job.comparison
    assert study is not None
    ledger_files.require_balance(run, "the analysis")
    progress("comparing treatments", 0, 1)
    derived = read_derived(run)
    results = compare(
        study,
        derived.adsl,
        derived.adrs,
        derived.adtte,
        derived.analysis_table,
        {name: variant.analysis_table for name, variant in derived.variants.items()},
    )
    private_folder(run.results)
    part = run.results / "results.parquet.part"
    results.to_parquet(part, index=False)
    part.chmod(0o600)
    part.replace(run.results / "results.parquet")
    released = with_note(study, suppress(results, study.disclosure.min_count))
    write_bytes(run.results / "results.csv", as_csv(released))
    run.step_done("analyse", {"results": len(results)})
    progress("comparing treatments", 1, 1)


def with_note(study: Study, results: pd.DataFrame) -> pd.DataFrame:
    """The results with one row more where the data are synthetic: an export must say so wherever it ends up.

    The row has no value and the note as its warning; it stands in the order of ids like every other.
    """
    import pandas as pd

    said = synthetic_note(study)
    if said is None:
        return results
    row = dict.fromkeys(results.columns, "") | {
        "id": "study.data...synthetic.", "parameter": "study", "variable": "data", "statistic": "synthetic",
        "warning": f"SYNTHETIC: {said}",
    }  # fmt: skip
    note = pd.DataFrame([{**row, "value": None, "n": None}]).astype(results.dtypes)
    noted = pd.concat([results, note], ignore_index=True)
    return noted.sort_values("id", kind="stable", ignore_index=True)


def as_csv(results: pd.DataFrame) -> bytes:
    """Results as CSV: UTF-8, a value with every digit that a double holds, an empty field for what cannot be given."""
    text: str = results.to_csv(index=False, lineterminator="\n")
    return text.encode()


def read_results(run: RunFolder) -> pd.DataFrame:
    """The suppressed results as they were written."""
    import pandas as pd

    texts = ("id", "parameter", "group", "variable", "level", "statistic", "unit", "method", "warning")
    return pd.read_csv(
        run.results / "results.csv",
        dtype=dict.fromkeys(texts, "object"),
        keep_default_na=False,
        na_values={"value": [""], "n": [""]},
        # The default is quicker and may miss the last digit.
        float_precision="round_trip",
    )

"""Analyse: the comparison of treatments as one long table, and the only copy of it that may leave the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows import ledger_files
from flows.job import Job
from flows.progress import Progress
from flows.run_folder import RunFolder, private_folder, write_bytes
from flows.steps.subjects import read_derived

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
    write_bytes(run.results / "results.csv", as_csv(suppress(results, study.disclosure.min_count)))
    run.step_done("analyse", {"results": len(results)})
    progress("comparing treatments", 1, 1)


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
    )

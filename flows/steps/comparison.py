"""Analyse: the comparison of treatments as one long table, and the only copy of it that may leave the site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flows import ledger_files
from flows.job import Job
from flows.progress import Progress
from flows.release import looked, release_of
from flows.run_folder import RunFolder, private_folder, whole, write_bytes
from flows.steps.subjects import read_derived
from flows.summary import synthetic_note

if TYPE_CHECKING:
    import pandas as pd


def analyse(job: Job, run: RunFolder, progress: Progress) -> None:
    """Write ``results/results.parquet`` (unsuppressed, stays on site) and ``results/results.csv`` (suppressed).

    While the study is locked neither holds anything of one arm.
    """
    from analysis.stats.disclosure import suppress
    from analysis.stats.masking import masked
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
        derived.adex,
        derived.adae,
    )
    released = suppress(results, study.disclosure.min_count)
    held_back = release_of(job, run)
    notes = {"data": ("synthetic", "SYNTHETIC", synthetic_note(study))}
    if held_back.masked:
        results, released = masked(results), masked(released)
        notes["release"] = ("masked", "MASKED", held_back.note)
        # What an earlier pass under a lock has left.
        (run.results / "published.json").unlink(missing_ok=True)
    elif held_back.locked_study:
        looked(job, run, "analyse")
    private_folder(run.results)
    with whole(run.results / "results.parquet") as part:
        results.to_parquet(part, index=False)
    write_bytes(run.results / "results.csv", as_csv(with_notes(released, notes)))
    run.update(masked=held_back.masked)
    run.step_done("analyse", {"results": len(results)})
    progress("comparing treatments", 1, 1)


def with_notes(results: pd.DataFrame, notes: Mapping[str, tuple[str, str, str | None]]) -> pd.DataFrame:
    """The results with one row more for each note: an export must say that its data are synthetic, or that arms are
    masked, wherever it ends up.

    ``notes`` maps a variable to statistic, word and sentence (None: no row). The row has no value and the sentence
    after the word as its warning; it stands in the order of ids like every other.
    """
    import pandas as pd

    empty: dict[str, object] = dict.fromkeys(results.columns, "")
    rows = [
        {**empty, "id": f"study.{variable}...{statistic}.", "parameter": "study", "variable": variable,
         "statistic": statistic, "warning": f"{word}: {said}", "value": None, "n": None}
        for variable, (statistic, word, said) in notes.items()
        if said is not None
    ]  # fmt: skip
    if not rows:
        return results
    noted = pd.concat([results, pd.DataFrame(rows).astype(results.dtypes)], ignore_index=True)
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

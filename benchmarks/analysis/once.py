"""One measurement in a process of its own; prints what it took as JSON.

    python -m benchmarks.analysis.once bedside TABLES OUT
    python -m benchmarks.analysis.once lifelines OUT

``bedside`` derives the analysis tables of GBSG2 from the tables and compares the arms, as the steps of a run do, and
leaves the analysis table in OUT, and as ``design.csv`` what R reads. ``lifelines`` does the main figures alone on it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.analysis.data import STUDY
from benchmarks.analysis.table import design

REPOSITORY = Path(__file__).resolve().parents[2]
# What is timed within derivation and comparison: title, module that looks it up, name.
PARTS = (
    ("index events", "analysis.derive.index", "find"),
    ("patients", "analysis.derive.pipeline", "with_patient"),
    ("facts of the cohort", "analysis.derive.pipeline", "facts_of"),
    ("arms", "analysis.derive.arms", "decide"),
    ("covariates", "analysis.derive.pipeline", "derive_covariates"),
    ("deaths and last contact", "analysis.derive.alive", "last_alive"),
    ("pseudonyms", "analysis.derive.tables", "pseudonymise"),
    ("frames", "analysis.derive.tables", "tables"),
    ("baseline table", "analysis.stats.results", "add_baseline"),
    ("Kaplan-Meier, medians, log-rank", "analysis.stats.results", "add_time_to_event"),
    ("Cox models", "analysis.stats.results", "add_cox"),
    ("survival at landmarks", "analysis.stats.results", "add_landmarks"),
    ("restricted means", "analysis.stats.results", "add_restricted_means"),
    ("sensitivity", "analysis.stats.results", "add_sensitivity"),
)


def bedside(tables: Path, out: Path) -> dict[str, Any]:
    """Seconds of each step and part, rows and subjects."""
    import ibis

    from analysis.derive import derive
    from analysis.stats.results import analyse
    from flows.run_folder import RunFolder
    from flows.steps.subjects import read_derived, write_derived
    from flows.study_folder import read
    from mappings import engine

    parts: Counter[str] = Counter()
    for title, module, name in PARTS:
        place = import_module(module)
        setattr(place, name, _timed(getattr(place, name), title, parts))
    folder = read(REPOSITORY / "studies" / STUDY)
    run = RunFolder(out)
    steps = {}

    began = time.perf_counter()
    con = ibis.duckdb.connect()
    inputs = {file.stem: engine.of(con).parquet(con, file) for file in sorted(tables.glob("*.parquet"))}
    derived = derive(folder.study, folder.codes, folder.maps, inputs, b"a key for a benchmark", {}, con)
    con.disconnect()
    steps["derive"] = time.perf_counter() - began

    began = time.perf_counter()
    write_derived(run, derived)
    del derived
    derived = read_derived(run)
    steps["write and read the analysis tables"] = time.perf_counter() - began

    began = time.perf_counter()
    results = analyse(folder.study, derived.adsl, derived.adrs, derived.adtte, derived.analysis_table, {})
    steps["compare"] = time.perf_counter() - began
    design(derived.analysis_table).to_csv(out / "design.csv", index=False)
    return {
        "steps": steps,
        "parts": dict(parts),
        "subjects": len(derived.analysis_table),
        "results": len(results),
        "hazard_ratio": _hazard_ratio(results),
    }


def _timed(asked: Callable[..., Any], title: str, into: Counter[str]) -> Callable[..., Any]:
    @wraps(asked)
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return asked(*args, **kwargs)
        finally:
            into[title] += time.perf_counter() - began

    return timed


def _hazard_ratio(results: Any) -> float:
    of = (results["variable"] == "cox_univariate") & (results["statistic"] == "hr") & (results["method"] == "efron")
    (value,) = results.loc[of & results["group"].str.contains(" vs "), "value"]
    return float(value)


def lifelines(out: Path) -> dict[str, Any]:
    """Kaplan-Meier with median, log-rank, Cox of the treatment alone and adjusted, by lifelines."""
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import logrank_test

    began = time.perf_counter()
    wide = design(pd.read_parquet(out / "analysis" / "analysis_table.parquet"))
    steps = {"read": time.perf_counter() - began}

    began = time.perf_counter()
    arms = [wide[wide["arm"] == arm] for arm in (1.0, 0.0)]
    for one in arms:
        fitted = KaplanMeierFitter().fit(one["time"], one["event"])
        _ = fitted.median_survival_time_, fitted.confidence_interval_
    steps["Kaplan-Meier"] = time.perf_counter() - began
    began = time.perf_counter()
    logrank_test(arms[0]["time"], arms[1]["time"], arms[0]["event"], arms[1]["event"])
    steps["log-rank"] = time.perf_counter() - began
    began = time.perf_counter()
    alone = CoxPHFitter().fit(wide[["time", "event", "arm"]], "time", "event")
    steps["Cox, treatment alone"] = time.perf_counter() - began
    began = time.perf_counter()
    CoxPHFitter().fit(wide, "time", "event")
    steps["Cox, adjusted"] = time.perf_counter() - began
    return {"steps": steps, "subjects": len(wide), "hazard_ratio": float(alone.hazard_ratios_["arm"])}


def main() -> None:
    what, *where = sys.argv[1:]
    made = bedside(Path(where[0]), Path(where[1])) if what == "bedside" else lifelines(Path(where[0]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**made, "peak_bytes": used.ru_maxrss * 1024, "cpu_seconds": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    main()

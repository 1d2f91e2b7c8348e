"""What the checks of a run found, as a Prefect artifact: aggregates only, and where the files lie."""

from __future__ import annotations

import logging
import re
from collections.abc import Hashable, Mapping
from typing import Any

from flows.export.quality import FEWEST, FHIR
from flows.job import Job
from flows.run_folder import RunFolder


def publish(job: Job, run: RunFolder) -> None:
    """Make the artifact of this flow run, if its checks were judged. A stop of the gate is when it is read most.

    A server that does not take it stops no analysis: the files of the run folder are what counts.
    """
    from prefect.artifacts import create_markdown_artifact

    if not run.checks.is_file():
        return
    key = f"bedside-quality-{re.sub('[^a-z0-9-]', '-', job.study.study.id)}"
    try:
        create_markdown_artifact(key=key, markdown=markdown(job, run), description="Data quality of the newest run")
    except Exception:
        logging.getLogger(__name__).warning(
            "Prefect took no artifact of the quality results; they are in %s", run.quality
        )


def markdown(job: Job, run: RunFolder) -> str:
    """Gate, outcomes by status, what failed, and the paths of results, FHIR and report. Small counts are not told."""
    import pandas as pd

    from analysis.pages.formats import guarded

    least = job.comparison.disclosure.min_count if job.comparison else FEWEST
    rows = pd.read_parquet(run.checks)
    stopping = rows[rows["stops"] & rows["overridden"].eq("")].to_dict("records")
    counts = rows["status"].value_counts().to_dict()
    head = f"# Data quality of {job.study.study.id}, run {run.id}"
    lines = [head, "", _gate(stopping), "", "| Outcome | n |", "|---|---:|"]
    lines += [f"| {status} | {counts[status]} |" for status in sorted(map(str, counts))]
    failed = rows[rows["status"].isin(["FAIL", "ERROR"]) | rows["stops"]]
    if len(failed):
        lines += ["", "| Check | Table | Site | Violations | Of | Action |", "|---|---|---|---:|---:|---|"]
        lines += [
            f"| {row['check_id']} | {row['table']} | {row['site']} | {_told(row, least)} "
            f"| {guarded(float(row['denominator']), least)} | {row['action']} |"
            for row in failed.to_dict("records")
        ]
    places = {"every outcome": run.checks, "as FHIR": run.quality / FHIR, "report": run.report}
    lines += ["", *(f"- {name}: `{path}`" for name, path in places.items() if path.exists())]
    return "\n".join(lines) + "\n"


def _told(row: Mapping[Hashable, Any], least: int) -> str:
    from analysis.export.quality_report import hidden
    from analysis.pages.formats import guarded

    numerator, denominator = int(row["numerator"]), int(row["denominator"])
    few = hidden(numerator, denominator, least) and numerator >= least
    return "not told" if few else guarded(float(numerator), least)


def _gate(stopping: list[dict[Hashable, Any]]) -> str:
    if not stopping:
        return "The gate is open."
    named = sorted({f"{row['check_id']}{' at ' + row['site'] if row['site'] else ''}" for row in stopping})
    return f"The gate is shut by: {', '.join(named)}."

"""The steps of a run, each on a run folder: what it reads there, what it leaves there, what it notes in the ledger."""

from collections.abc import Callable, Mapping

from flows.job import Job
from flows.progress import Progress
from flows.run_folder import RunFolder
from flows.steps.comparison import analyse
from flows.steps.ingest import Extract, accept, missing, note_extracts, usable_sites
from flows.steps.page import report
from flows.steps.quality import check, held
from flows.steps.subjects import derive
from flows.steps.tables import map_tables

BY_NAME: Mapping[str, Callable[[Job, RunFolder, Progress], object]] = {
    "map": map_tables,
    "derive": derive,
    "check": check,
    "analyse": analyse,
    "report": report,
}

__all__ = [
    "BY_NAME",
    "Extract",
    "accept",
    "analyse",
    "check",
    "derive",
    "held",
    "map_tables",
    "missing",
    "note_extracts",
    "report",
    "usable_sites",
]

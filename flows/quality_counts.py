"""The counts that describe a run's tables and those of the runs before it; where they cannot be made, why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from flows.job import Job
from flows.quality_history import PROFILE, earlier_profiles
from flows.run_folder import RunFolder, whole

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Counts:
    """``now`` and ``earlier`` as ``expectations.history`` takes them; with ``error`` neither can be relied on."""

    now: pd.DataFrame
    earlier: pd.DataFrame
    error: str = ""


def counts_of(job: Job, run: RunFolder, tables: Mapping[str, Any], sites: Sequence[str], today: date) -> Counts:
    """Count the tables, keep that as ``quality/profile.parquet``, and read what earlier runs kept.

    A table or an old file that cannot be read is no reason to judge nothing: the checks with history are in error then.
    """
    import pandas as pd

    from expectations.table_profile import profile, taken_by, with_absent

    try:
        now = with_absent(profile(tables, today, taken_by(job.comparison, job.folder.codes)), sites, list(tables))
        with whole(run.quality / PROFILE) as part:
            now.to_parquet(part, index=False)
        return Counts(now, earlier_profiles(run))
    except Exception as error:  # of the engine or the file system: its message may hold values
        nothing = pd.DataFrame()
        return Counts(nothing, nothing, f"the tables could not be described ({type(error).__name__})")

"""What is behind the checks of a run against its history: codes, units, months or columns that moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from flows.job import Job
from flows.quality_failures import Failures
from flows.run_folder import RunFolder

if TYPE_CHECKING:
    from expectations.moved import Moved


def moved_of(job: Job, run: RunFolder, found: Failures) -> dict[tuple[str, str], list[Moved]]:
    """By table and site of each outcome with violations; empty for a check that looks at no history."""
    checks = job.asked_checks().checks
    asked = [(str(one["table"]), str(one["site"])) for one in found.outcomes if one["numerator"]]
    if found.check not in checks or checks[found.check].rule.kind != "history" or not asked:
        return {}
    import pandas as pd

    from expectations.known_systems import known_to
    from expectations.moved import Behind
    from flows.quality_history import PROFILE, earlier_profiles

    behind = Behind(pd.read_parquet(run.quality / PROFILE), earlier_profiles(run))
    last = date.fromisoformat(str(run.read()["started"])[:10])
    if job.comparison is not None:
        last = min(last, job.comparison.index.data_cutoff)
    sites = [site.id for site in job.sites.sites]
    systems = known_to(job.folder.codes)
    return {(table, site): behind.moved(found.check, table, site, last, sites, systems) for table, site in asked}


def moved_lines(check: str, moved: Sequence[Moved], most: int) -> list[str]:
    """As people read it, a line a key."""
    lines = []
    for one in moved[:most]:
        key = _range(one.key) if check == "value_distribution_shift" else one.key or "no unit"
        of = f"{one.of}: " if one.of else ""
        expected = "" if one.expected is None else f", {one.expected:,.0f} expected"
        lines.append(f"{of}{key}  {one.now:,} now{expected}")
    if len(moved) > most:
        lines.append(f"and {len(moved) - most:,} more")
    return lines


def _range(bin_: str) -> str:
    """A bin of a quarter of a decade as the values it holds."""
    if not bin_.lstrip("-").isdigit():
        return bin_
    low = int(bin_)
    return f"{10 ** (low / 4):.3g} to {10 ** ((low + 1) / 4):.3g}"

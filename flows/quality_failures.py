"""Which rows failed a check, with the address each resource has at its site. For the secure area: it names patients."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from flows.job import Job
from flows.run_folder import RunFolder
from mappings.errors import DefinitionError


@dataclass(frozen=True)
class Failure:
    """One row that failed: ``address`` is the resource's own (its server's, or its folder and name)."""

    table: str
    site: str
    address: str
    patient: str
    subject: str


@dataclass(frozen=True)
class Failures:
    """Rows that failed one check, in order of table, site and resource; ``violations`` counts all there were.

    ``outcomes``: what the check gave, as ``quality/checks.parquet`` has it, where rows were looked at or
    could not be.
    """

    check: str
    outcomes: tuple[dict[str, object], ...]
    rows: tuple[Failure, ...]

    @property
    def violations(self) -> int:
        return sum(int(str(one["numerator"])) for one in self.outcomes)


def failures_of(job: Job, run: RunFolder, check: str, site: str | None = None) -> Failures:
    """Read the failing rows of one check.

    Raises:
        DefinitionError: the run was not checked, or has no check of this name.
    """
    import pandas as pd

    if not run.checks.is_file():
        raise DefinitionError(f"{run.root} has no quality results yet: bedside check makes them")
    outcomes = pd.read_parquet(run.checks)
    outcomes = outcomes[outcomes["check_id"] == check]
    if outcomes.empty:
        raise DefinitionError(f"this run asked no check {check!r}; bedside quality show without a check lists them")
    rows = pd.read_parquet(run.failures)
    rows = rows[rows["check_id"] == check]
    if site is not None:
        outcomes, rows = outcomes[outcomes["site"] == site], rows[rows["site"] == site]
    bases = {one.id: one.base or one.folder or "" for one in job.sites.sites}
    said = rows.fillna("").sort_values(["table", "site", "resource", "usubjid"]).astype(str).to_dict("records")
    found = [
        Failure(row["table"], row["site"], _address(bases.get(row["site"], ""), row), row["patient_id"], row["usubjid"])
        for row in said
    ]
    asked = outcomes[(outcomes["denominator"] > 0) | (outcomes["status"] == "ERROR")]
    return Failures(check, tuple({str(k): v for k, v in one.items()} for one in asked.to_dict("records")), tuple(found))


def _address(base: str, row: Mapping[Hashable, str]) -> str:
    resource, version = row["resource"], row["version"]
    if not resource:
        return ""
    versioned = resource if "/_history/" in resource or not version else f"{resource}/_history/{version}"
    return f"{base.rstrip('/')}/{versioned}" if base else versioned

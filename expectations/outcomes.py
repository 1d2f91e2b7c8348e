"""From findings to outcomes: one check on one table of one site, judged, as it is kept for as long as the run is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.model import Check, Finding, Status

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "run", "study", "started", "check_id", "table", "site", "category", "context", "severity", "action", "scope",
    "numerator", "denominator", "threshold", "stop_above", "status", "stops", "overridden", "subjects", "reason",
    "consequence", "error",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """One check on one table of one site, as kept in ``quality/checks.parquet``: no patient value in it.

    ``keys`` are the keys (USUBJID) of the subjects it touches and are not kept there, only their number.
    """

    check: Check
    finding: Finding
    status: Status
    keys: tuple[str, ...] = ()
    stops: bool = False
    overridden: str = ""

    def row(self) -> dict[str, object]:
        """The outcome as a row with the columns of ``COLUMNS`` after ``started``."""
        return {
            "check_id": self.check.id,
            "table": self.finding.table,
            "site": self.finding.site,
            "category": self.check.category,
            "context": self.check.context,
            "severity": self.check.severity,
            "action": self.check.action,
            "scope": self.check.scope,
            "numerator": self.finding.numerator,
            "denominator": self.finding.denominator,
            "threshold": self.check.threshold,
            "stop_above": self.check.stop_above,
            "status": self.status,
            "stops": self.stops,
            "overridden": self.overridden,
            "subjects": len(self.keys),
            "reason": self.check.reason,
            "consequence": self.check.consequence,
            "error": self.finding.error,
        }


def outcome(check: Check, finding: Finding, keys: Iterable[str] = ()) -> Outcome:
    """Judge a finding against its check's threshold."""
    judged = status(check.threshold, finding)
    return Outcome(check, finding, judged, tuple(keys), would_stop(check, finding, judged))


def status(threshold: float, finding: Finding) -> Status:
    """ERROR if it could not be computed, NOT_APPLICABLE if there was nothing to look at, else by the percentage."""
    if finding.error:
        return "ERROR"
    return status_of(finding.numerator, finding.denominator, threshold)


def status_of(numerator: int, denominator: int, threshold: float) -> Status:
    """What a percentage of violations is under a threshold: all that judging anew under another one needs."""
    if denominator == 0:
        return "NOT_APPLICABLE"
    if numerator == 0:
        return "PASS"
    return "FAIL" if 100 * numerator / denominator > threshold else "PASS_WITH_VIOLATIONS"


def would_stop(check: Check, finding: Finding, judged: Status) -> bool:
    """Whether this outcome by itself stops its site or the study: by its action, by its share, or because it could not
    be computed where its failure would remove subjects or stop."""
    if judged == "ERROR":
        return check.action != "warn" or check.stop_above is not None
    if judged == "NOT_APPLICABLE":
        return False
    share = 100 * finding.numerator / finding.denominator
    over = check.stop_above is not None and share > check.stop_above
    return over or (judged == "FAIL" and check.action == "stop")


def frame(outcomes: Iterable[Outcome], run: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The outcomes as a table sorted by check, table and site. ``run`` holds run, study and started."""
    import pandas as pd

    head = {name: (run or {}).get(name, "") for name in COLUMNS[:3]}
    rows = pd.DataFrame([{**head, **one.row()} for one in outcomes], columns=list(COLUMNS))
    typed = rows.astype(
        {
            "numerator": "int64", "denominator": "int64", "subjects": "int64", "threshold": "float64",
            "stop_above": "float64", "stops": "bool",
        }
    )  # fmt: skip
    return typed.sort_values(["check_id", "table", "site"], kind="stable").reset_index(drop=True)

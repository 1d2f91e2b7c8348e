"""From findings to outcomes, and from outcomes to what happens: stop, drop subjects, warn, go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.model import Check, Finding, Status

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "check_id", "table", "site", "category", "severity", "action", "numerator", "denominator", "threshold", "status",
    "reason", "subjects",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """One check on one table of one site, as kept in ``quality/checks.parquet``: no patient value in it."""

    check: Check
    finding: Finding
    status: Status
    subjects: int = 0

    def row(self) -> dict[str, object]:
        """The outcome as a row with the columns of ``COLUMNS``."""
        return {
            "check_id": self.check.id,
            "table": self.finding.table,
            "site": self.finding.site,
            "category": self.check.category,
            "severity": self.check.severity,
            "action": self.check.action,
            "numerator": self.finding.numerator,
            "denominator": self.finding.denominator,
            "threshold": self.check.threshold,
            "status": self.status,
            "reason": self.finding.error or self.check.reason,
            "subjects": self.subjects,
        }


def outcome(check: Check, finding: Finding, subjects: int = 0) -> Outcome:
    """Judge a finding against its check's threshold."""
    return Outcome(check, finding, status(check.threshold, finding), subjects)


def status(threshold: float, finding: Finding) -> Status:
    """ERROR if it could not be computed, NOT_APPLICABLE if there was nothing to look at, else by the percentage."""
    if finding.error:
        return "ERROR"
    if finding.denominator == 0:
        return "NOT_APPLICABLE"
    if finding.numerator == 0:
        return "PASS"
    return "FAIL" if 100 * finding.numerator / finding.denominator > threshold else "PASS_WITH_VIOLATIONS"


@dataclass(frozen=True)
class Verdict:
    """What the gate says: ``stops`` are sentences, ``dropped`` maps a subject's key to the check that removes it."""

    stops: tuple[str, ...]
    dropped: Mapping[str, str]


def verdict(
    outcomes: Iterable[Outcome], violators: Mapping[str, Sequence[str]], screened: int, stop_above_percent: float
) -> Verdict:
    """Decide. ``violators`` maps the id of a check to the keys (USUBJID) of its violating subjects.

    A failed check that stops, stops; so does one in ERROR whose failure would remove subjects or stop. A failed check
    that drops removes its subjects, and stops when all such subjects exceed ``stop_above_percent`` of the screened.
    """
    stops: list[str] = []
    dropped: dict[str, str] = {}
    for one in outcomes:
        if one.check.action == "warn" or one.status not in ("FAIL", "ERROR"):
            continue
        where = f"{one.finding.table} of {one.finding.site}" if one.finding.site else one.finding.table
        if one.status == "ERROR":
            stops.append(f"{one.check.id} ({where}): {one.finding.error}")
        elif one.check.action == "stop":
            stops.append(
                f"{one.check.id} ({where}): {one.finding.numerator} of {one.finding.denominator}; {one.check.reason}"
            )
        else:
            for key in violators.get(one.check.id, ()):
                dropped.setdefault(key, one.check.id)
    if screened and 100 * len(dropped) / screened > stop_above_percent:
        by_check = sorted(set(dropped.values()))
        stops.append(
            f"{', '.join(by_check)}: {len(dropped)} of {screened} screened subjects would be dropped, "
            f"more than {stop_above_percent:g} %"
        )
    return Verdict(tuple(stops), dropped)


def frame(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """The outcomes as a table sorted by check, table and site."""
    import pandas as pd

    rows = pd.DataFrame([one.row() for one in outcomes], columns=list(COLUMNS))
    return rows.sort_values(["check_id", "table", "site"], kind="stable").reset_index(drop=True)

"""The outcomes of a run under the thresholds that hold today: nothing is counted again, and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.catalogue import Asked
from expectations.model import Finding
from expectations.outcomes import status, would_stop

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Change:
    """An outcome that would be another today."""

    check: str
    table: str
    site: str
    numerator: int
    denominator: int
    was: str
    status: str
    stopped: bool
    stops: bool


def rejudged(outcomes: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """``outcomes`` (columns of ``expectations.outcomes.COLUMNS``, of any number of runs) judged by the checks as they
    are today: action, severity, threshold, stop_above, status and stops. A check that is no more stays as it was."""
    import pandas as pd

    rows = []
    for row in outcomes.to_dict("records"):
        check_id, site = str(row["check_id"]), str(row["site"])
        if check_id in asked.checks or check_id in asked.of_sites.get(site, {}):
            check = asked.at(check_id, site)
            found = Finding(
                check_id, str(row["table"]), int(row["denominator"]), int(row["numerator"]), error=str(row["error"])
            )
            judged = status(check.threshold, found)
            row |= {
                "action": check.action, "severity": check.severity, "threshold": check.threshold,
                "stop_above": check.stop_above, "status": judged, "stops": would_stop(check, found, judged),
            }  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows, columns=list(outcomes.columns)).astype({"stop_above": "float64", "stops": "bool"})


def changes(outcomes: pd.DataFrame, today: pd.DataFrame) -> list[Change]:
    """What differs between outcomes as kept and as judged today, row by row."""
    found = []
    for old, new in zip(outcomes.to_dict("records"), today.to_dict("records"), strict=True):
        if (old["status"], old["stops"]) != (new["status"], new["stops"]):
            found.append(
                Change(
                    str(old["check_id"]), str(old["table"]), str(old["site"]), int(old["numerator"]),
                    int(old["denominator"]), str(old["status"]), str(new["status"]), bool(old["stops"]),
                    bool(new["stops"]),
                )
            )  # fmt: skip
    return found

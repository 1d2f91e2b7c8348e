"""A finding on a whole frame, split by the site of its rows: a site is held for its own rows only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from expectations.model import Check, Finding

if TYPE_CHECKING:
    import pandas as pd

SITE = "SITEID"


def split(frame: pd.DataFrame, check: Check, finding: Finding, sites: Sequence[str]) -> list[Finding]:
    """One finding a site of ``sites``, in their order, whose counts add up to those of ``finding``.

    A check of the study's scope, or a frame without SITEID, stays whole. ``rows`` stay positions in the whole frame.
    What Great Expectations counted as asked must be what the rule asks of here, else the finding is an error.
    """
    if check.scope == "study" or SITE not in frame:
        return [finding]
    if finding.error:
        return [replace(finding, site=site) for site in sites]
    asked = asked_rows(frame, check)
    if int(asked.sum()) != finding.denominator:
        finding = replace(finding, error="the rows that were asked are not those that were counted")
        return [replace(finding, site=site) for site in sites]
    where = frame[SITE].reset_index(drop=True)
    violating = where.iloc[list(finding.rows)]
    of = asked.reset_index(drop=True).groupby(where).sum()
    return [
        Finding(
            finding.check_id, finding.table, int(of.get(site, 0)), int((violating == site).sum()),
            tuple(row for row in finding.rows if where.iloc[row] == site), site=site,
        )
        for site in sites
    ]  # fmt: skip


def asked_rows(frame: pd.DataFrame, check: Check) -> pd.Series:
    """Which rows the rule asks of: those whose columns are known, and all of them where presence is the question."""
    import pandas as pd

    rule = check.rule
    match rule.kind:
        case "not_null":
            return pd.Series(True, index=frame.index)
        case "in_set" | "matches" | "unique" | "between":
            return frame[rule.column].notna()
        case "not_before" | "equal" | "not_together":
            return frame[rule.column].notna() & frame[rule.other].notna()
        case _:
            raise ValueError(f"{rule.kind} is no rule of rows")

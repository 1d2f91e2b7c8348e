"""Adverse events by arm: the worst grade of each subject in the window, and of how many anything is known.

Absence counts only where a record says so, or where the study names what shows that someone looked: not recorded is
never 0 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.stats.estimates import NotEstimable, Value
from analysis.stats.rows import TOTAL, Rows
from analysis.study.adverse_events import GRADES
from analysis.study.model import Study

if TYPE_CHECKING:
    import pandas as pd

ANY = "any"
UNKNOWN = "unknown"
_NOTHING = NotEstimable("not recorded")
_NOBODY_LOOKED = NotEstimable("the study names nothing that shows that someone looked")


def add_adverse_events(rows: Rows, study: Study, adae: pd.DataFrame | None, table: pd.DataFrame) -> None:
    """Rows of ``adverse_events``; none where the study does not ask.

    ``table`` holds the analysed subjects (USUBJID, TRT01A, SITEID); ``adae`` is None where nothing was derived, which
    counts as nothing recorded.
    """
    asked = study.adverse_events
    if asked is None:
        return
    import pandas as pd

    if adae is None:
        adae = pd.DataFrame(columns=["USUBJID", "PARAMCD", "AEDECOD", "ATOXGR"])
    groups = [(arm.label, set(table.loc[table["TRT01A"] == arm.label, "USUBJID"])) for arm in study.arm]
    for label, subjects in [*groups, (TOTAL, set(table["USUBJID"]))]:
        own = adae[adae["USUBJID"].isin(list(subjects))]
        looked = set(own.loc[own["PARAMCD"] == "LOOKED", "USUBJID"])
        for event in asked.events:
            mine = own[own["AEDECOD"] == event.list_]
            absent = set(mine.loc[mine["PARAMCD"] == "ABSENT", "USUBJID"])
            _event(rows, label, event.list_, mine, looked | absent, len(subjects), shares=bool(asked.looked))
        _event(rows, label, ANY, own, looked, len(subjects), shares=bool(asked.looked))
    _sites(rows, adae, table)


def _event(
    rows: Rows, group: str, name: str, records: pd.DataFrame, without: set[str], n: int, *, shares: bool
) -> None:
    """Counts by worst grade; ``without`` are those of whom it is known that someone looked, or that they had none."""
    events = records[records["PARAMCD"] == "EVENT"]
    worst = events.groupby("USUBJID")["ATOXGR"].agg(lambda grades: max(grades.dropna(), default=UNKNOWN))
    recorded = len(set(worst.index) | without)
    rows.add("adverse_events", name, "recorded", recorded, group=group, n=n)
    severe = int(worst.isin(GRADES[2:]).sum())
    counts = {g: int((worst == g).sum()) for g in (*GRADES, UNKNOWN)}
    # Whoever is not counted as severe, but has an event of which nobody knows.
    mild = events["USUBJID"].map(worst).isin([*GRADES[:2], UNKNOWN])
    ungraded = "events of unknown grade are not in it" if (events["ATOXGR"].isna() & mild).any() else ""
    for level, count in {"any": len(worst), ">=3": severe, **counts}.items():
        known: Value | int = count if recorded else _NOTHING
        share: Value = _NOTHING if not recorded else 100 * count / recorded if shares else _NOBODY_LOOKED
        warning = ungraded if level == ">=3" else ""
        where = {"group": group, "level": level, "warning": warning}
        rows.add("adverse_events", name, "count", known, n=recorded, **where)
        rows.add("adverse_events", name, "percent", share, unit="%", n=recorded, **where)


def _sites(rows: Rows, adae: pd.DataFrame, table: pd.DataFrame) -> None:
    """Of how many subjects of each site anything is recorded: a site that records nothing is not one without events."""
    known = set(adae["USUBJID"])
    for site, subjects in table.groupby("SITEID")["USUBJID"]:
        found = int(subjects.isin(list(known)).sum())
        warning = "" if found else "nothing is recorded at this site"
        rows.add("adverse_events", "site", "recorded", found, level=str(site), n=len(subjects), warning=warning)

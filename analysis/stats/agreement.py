"""Rows of ``agreement``: two readers, and what was recorded against what lesion measurements derive to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.kappa import WEIGHTS, kappa
from analysis.stats.rows import Rows

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study.model import Study

PARAMETER = "agreement"
_VISIT = ["USUBJID", "ADT"]
_COLUMNS = ("USUBJID", "PARAMCD", "AVALC", "ADT", "READER", "ORIGIN", "LASTFL", "ACCEPTED", "SITEFL")


def add_agreement(rows: Rows, study: Study, adrs: pd.DataFrame, analysed: set[str]) -> None:
    """Agreement of the analysed subjects' assessments; none where neither two readers nor measurements are named."""
    response = study.response
    if response is None:
        return
    # A column that is not there (a table from elsewhere) says nothing, like an empty one.
    mine = adrs[adrs["USUBJID"].isin(list(analysed))].reindex(columns=list(_COLUMNS))
    if response.readers and response.readers.second:
        _readers(rows, study, mine)
    if response.lesions is None:
        return
    at_site = mine["SITEFL"].eq("Y") if response.site else mine["USUBJID"].notna()
    counted = mine[mine["ORIGIN"].notna() & (mine["ACCEPTED"] == "Y") & at_site]
    recorded, derived = (counted[counted["ORIGIN"] == origin] for origin in ("recorded", "derived"))
    both = recorded.merge(derived, on=_VISIT, suffixes=("_1", "_2"))
    add_cross_table(rows, "recorded_derived", response.order, both["AVALC_1"], both["AVALC_2"])
    for name, there, other in (("only_recorded", recorded, derived), ("only_derived", derived, recorded)):
        alone = there.merge(other[_VISIT], on=_VISIT, how="left", indicator=True)["_merge"] == "left_only"
        rows.add(PARAMETER, "recorded_derived", "count", int(alone.sum()), level=name)
    best = mine[mine["PARAMCD"] == "BOR"].merge(
        mine[mine["PARAMCD"].isin(["DRVBOR", "RECBOR"])], on="USUBJID", suffixes=("_1", "_2")
    )
    first, second = ("AVALC_2", "AVALC_1") if response.source == "derived" else ("AVALC_1", "AVALC_2")
    add_cross_table(rows, "best_recorded_derived", response.order, best[first], best[second])


def _readers(rows: Rows, study: Study, mine: pd.DataFrame) -> None:
    """The first and the second reader on one day, and what became of it where they differed."""
    response = study.response
    assert response is not None
    readers = response.readers
    assert readers is not None
    at_site = mine["SITEFL"].eq("Y") if response.site else mine["USUBJID"].notna()
    read = mine[(mine["ORIGIN"] == "recorded") & (mine["LASTFL"] == "Y") & at_site]
    first, second, third = (
        read.loc[read["READER"] == name, [*_VISIT, "AVALC"]].drop_duplicates(_VISIT)
        for name in (readers.first, readers.second, readers.adjudicator)
    )
    both = first.merge(second, on=_VISIT, suffixes=("_1", "_2"))
    both = both.merge(third, on=_VISIT, how="left")
    add_cross_table(rows, "readers", response.order, both["AVALC_1"], both["AVALC_2"])
    differ = both[both["AVALC_1"] != both["AVALC_2"]]
    settled = differ["AVALC"].notna()
    as_first, as_second = differ["AVALC"] == differ["AVALC_1"], differ["AVALC"] == differ["AVALC_2"]
    counts = {
        "disagreed": len(differ),
        "as_first": int(as_first.sum()),
        "as_second": int(as_second.sum()),
        "otherwise": int((settled & ~as_first & ~as_second).sum()),
        "not_adjudicated": int((~settled).sum()),
    }
    for level, count in counts.items():
        rows.add(PARAMETER, "adjudication", "count", count, level=level, n=len(both))


def add_cross_table(rows: Rows, variable: str, order: tuple[str, ...], first: pd.Series, second: pd.Series) -> None:
    """The cross table over the ordered levels, the share on its diagonal, and kappa by each weighting."""
    place = {level: i for i, level in enumerate(order)}
    table = np.zeros((len(order), len(order)), dtype=np.int64)
    outside = 0
    for one, other in zip(first, second, strict=True):
        if one in place and other in place:
            table[place[one], place[other]] += 1
        else:
            outside += 1
    n = int(table.sum())
    for one in order:
        for other in order:
            count = int(table[place[one], place[other]])
            rows.add(PARAMETER, variable, "count", count, level=f"{one}/{other}", n=n)
    # Not evaluable stands outside the scale: it is counted, and no distance to it is claimed.
    rows.add(PARAMETER, variable, "count", outside, level="not_evaluable")
    rows.add(PARAMETER, variable, "n", n)
    rows.add(PARAMETER, variable, "count", int(np.trace(table)), level="agree", n=n)
    for weights in WEIGHTS:
        found = kappa(table, weights)
        values = {"kappa": found.kappa, "se": found.se, "lower": found.lower, "upper": found.upper}
        for statistic, value in values.items():
            rows.add(PARAMETER, variable, statistic, value, method=weights, n=n)

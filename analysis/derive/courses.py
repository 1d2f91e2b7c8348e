"""What single subjects' figures are drawn from: waterfall and swimmer. Patient-level: on site only.

Neither frame is a result: nothing of them stands in the results table, so no export can carry them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive.derived import Derived


def waterfall(derived: Derived) -> pd.DataFrame:
    """One bar an analysed subject: USUBJID, TRT01A, PCHG (the best change of the sum in % of the baseline), BOR.

    The best change is the smallest at any visit up to and with the first derived progression; empty where no sum could
    be made. Worst first, then by pseudonym; subjects without a bar last.
    """
    import numpy as np

    table = derived.analysis_table[["USUBJID", "TRT01A", "BOR"]]
    adtr = derived.adtr
    if adtr is None:
        return table.assign(PCHG=np.nan)[["USUBJID", "TRT01A", "PCHG", "BOR"]]
    ended = adtr[adtr["AVALC"] == "PD"].groupby("USUBJID")["ADY"].min()
    last = adtr["USUBJID"].map(ended).astype("Float64")
    counted = adtr[(adtr["ADY"] <= last).fillna(True)]
    best = counted.groupby("USUBJID")["PCHG"].min()
    made = table.assign(PCHG=table["USUBJID"].map(best).astype("float64"))[["USUBJID", "TRT01A", "PCHG", "BOR"]]
    return made.sort_values(["PCHG", "USUBJID"], ascending=[False, True], na_position="last", ignore_index=True)


def swimmer(derived: Derived) -> pd.DataFrame:
    """One row an event of an analysed subject: USUBJID, TRT01A, DAY (from the index), EVENT, DETAIL.

    With ``[treatment]`` each session after the index day is an event ``session``. The rest:
    EVENT is ``assessment`` (DETAIL its level), ``response`` (the first day the best response was reached, where that is
    CR or PR), ``progression`` (the first PD), ``death`` or ``last alive`` (DETAIL its source). Sorted by subject, day
    and event.
    """
    import pandas as pd

    s = derived.adsl[derived.adsl["ANL01FL"] == "Y"]
    arms = s.set_index("USUBJID")["TRT01A"]
    a = derived.adrs[(derived.adrs["ACCEPTED"] == "Y") & derived.adrs["USUBJID"].isin(list(arms.index))]
    seen = a[a["PARAMCD"] == "OVRLRESP"]
    best = a[(a["PARAMCD"] == "BOR") & a["AVALC"].isin(["CR", "PR"]) & a["ADY"].notna()]
    worse = seen[seen["AVALC"] == "PD"].sort_values("ADY").drop_duplicates("USUBJID")
    parts = [
        seen[["USUBJID", "ADY", "AVALC"]].assign(EVENT="assessment"),
        best[["USUBJID", "ADY", "AVALC"]].assign(EVENT="response"),
        worse[["USUBJID", "ADY", "AVALC"]].assign(EVENT="progression"),
    ]
    if derived.adex is not None:
        later = derived.adex[(derived.adex["PARAMCD"] == "SESSION") & (derived.adex["ADY"] > 0)]
        later = later[later["USUBJID"].isin(list(arms.index))].drop_duplicates(["USUBJID", "ADY"])
        parts.append(later[["USUBJID", "ADY"]].assign(AVALC=None, EVENT="session"))
    for name, date, detail in (("death", "DTHDT", None), ("last alive", "LSTALVDT", "LSTALVSRC")):
        days = (pd.to_datetime(s[date]) - s["TRTSDT"]).dt.days
        rows = pd.DataFrame({"USUBJID": s["USUBJID"], "ADY": days, "AVALC": s[detail] if detail else None})
        parts.append(rows[rows["ADY"].notna()].assign(EVENT=name))
    made = pd.concat([part.astype("object") for part in parts], ignore_index=True)
    made = made.rename(columns={"ADY": "DAY", "AVALC": "DETAIL"}).assign(TRT01A=made["USUBJID"].map(arms))
    made["DAY"] = made["DAY"].astype("int64")
    made["DETAIL"] = made["DETAIL"].where(made["DETAIL"].notna(), None)
    made = made.sort_values(["USUBJID", "DAY", "EVENT"], kind="stable", ignore_index=True)
    return made[["USUBJID", "TRT01A", "DAY", "EVENT", "DETAIL"]]

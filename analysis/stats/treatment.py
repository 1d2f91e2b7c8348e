"""Treatment received by arm: sessions, days between them, material, size, drugs and doses, each with n recorded.

What was not recorded is never counted as not used: shares are of the subjects of whom something of the kind is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.baseline import moments
from analysis.stats.estimates import NotEstimable
from analysis.stats.rows import TOTAL, Rows
from analysis.study.model import Study

if TYPE_CHECKING:
    import pandas as pd

_NOTHING = NotEstimable("not recorded")


def add_treatment(rows: Rows, study: Study, adex: pd.DataFrame | None, table: pd.DataFrame) -> None:
    """Rows of ``treatment``; none where the study does not ask.

    ``table`` holds the analysed subjects (USUBJID, TRT01A); ``adex`` is None where nothing was derived, which counts as
    nothing recorded.
    """
    asked = study.treatment
    if asked is None:
        return
    import pandas as pd

    if adex is None:
        adex = pd.DataFrame(columns=["USUBJID", "PARAMCD", "AVALC", "AVAL", "ASEQ", "ADY"])
    arms = [arm.label for arm in study.arm]
    groups = [*((label, set(table.loc[table["TRT01A"] == label, "USUBJID"])) for label in arms)]
    for label, subjects in [*groups, (TOTAL, set(table["USUBJID"]))]:
        own = adex[adex["USUBJID"].isin(list(subjects))]
        n = len(subjects)
        _sessions(rows, label, n, own[own["PARAMCD"] == "SESSION"])
        for variable, paramcd, names in (
            ("material", "MATERIAL", asked.materials),
            ("size", "SIZE", asked.sizes),
            ("drug", "DRUG", tuple(drug.list_ for drug in asked.drugs)),
        ):
            if names:
                _shares(rows, label, n, variable, names, own[own["PARAMCD"] == paramcd])
        for drug in asked.drugs:
            doses = own[(own["PARAMCD"] == "DRUG") & (own["AVALC"] == drug.list_) & own["AVAL"].notna()]
            _numbers(rows, label, n, "dose", doses.groupby("USUBJID")["AVAL"].mean(), drug.list_, drug.unit)


def _sessions(rows: Rows, group: str, n: int, sessions: pd.DataFrame) -> None:
    _numbers(rows, group, n, "sessions", sessions.groupby("USUBJID")["ASEQ"].nunique())
    days = sessions.groupby("USUBJID")["ADY"].agg(["min", "max", "nunique"])
    days = days[days["nunique"] > 1]
    between = (days["max"] - days["min"]) / (days["nunique"] - 1)
    _numbers(rows, group, n, "days_between", between, unit="days")


def _shares(rows: Rows, group: str, n: int, variable: str, names: tuple[str, ...], found: pd.DataFrame) -> None:
    recorded = int(found["USUBJID"].nunique())
    rows.add("treatment", variable, "recorded", recorded, group=group, n=n)
    for name in names:
        count = int(found.loc[found["AVALC"] == name, "USUBJID"].nunique())
        where = {"group": group, "level": name}
        rows.add("treatment", variable, "count", count if recorded else _NOTHING, n=recorded, **where)
        share = 100 * count / recorded if recorded else _NOTHING
        rows.add("treatment", variable, "percent", share, unit="%", n=recorded, **where)


def _numbers(rows: Rows, group: str, n: int, variable: str, values: pd.Series, level: str = "", unit: str = "") -> None:
    """Mean, spread and quartiles of one value a subject, and of how many subjects it is known."""
    known = np.sort(values.to_numpy(dtype=np.float64))  # sorted: sums must not depend on pseudonyms
    rows.add("treatment", variable, "recorded", int(known.size), group=group, level=level, n=n)
    for statistic, value in moments(known).items():
        shown = value if known.size else _NOTHING
        rows.add("treatment", variable, statistic, shown, group=group, level=level, unit=unit, n=int(known.size))

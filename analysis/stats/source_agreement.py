"""Rows of ``agreement`` for variables and response assessments that the record and a supplement both hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.agreement import add_cross_table
from analysis.stats.estimates import Z95, FloatArray, NotEstimable, Value
from analysis.stats.kappa import kappa
from analysis.stats.rows import Rows

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study.model import Study

PARAMETER = "agreement"
OTHER = "other"
RESPONSE = "record_supplement_response"
_UNWEIGHTED = "unweighted"


def limits_of_agreement(first: FloatArray, second: FloatArray) -> dict[str, Value]:
    """Mean of ``second`` - ``first``, its standard deviation, and mean -/+ 1.96 standard deviations.

    Bland and Altman, Lancet 1986;1:307. With one pair there is a mean and nothing else; with none, nothing.
    """
    n = len(first)
    if n == 0:
        return dict.fromkeys(("mean_difference", "sd", "lower", "upper"), NotEstimable("no pairs of values"))
    differences = second - first
    mean = float(differences.mean())
    if n == 1:
        one: Value = NotEstimable("one pair of values")
        return {"mean_difference": mean, "sd": one, "lower": one, "upper": one}
    sd = float(differences.std(ddof=1))
    return {"mean_difference": mean, "sd": sd, "lower": mean - Z95 * sd, "upper": mean + Z95 * sd}


def add_source_agreement(rows: Rows, study: Study, adsl: pd.DataFrame) -> None:
    """For each covariate that a supplement may hold: how many analysed subjects have both, and how far they agree.

    ``adsl`` has ``<covariate>_record`` and ``<covariate>_supplement``: what each source alone would give.
    """
    if study.supplement is None:
        return
    analysed = adsl[adsl["ANL01FL"] == "Y"]
    for name, rule in study.covariate.items():
        if rule.list_ not in study.supplement.lists:
            continue
        record, other = analysed[f"{name}_record"], analysed[f"{name}_supplement"]
        both = record.notna() & other.notna()
        variable = f"record_supplement:{name}"
        n = int(both.sum())
        # What was read twice is the same number: units are converted to nine decimals before.
        equal = int((record[both] == other[both]).sum())
        rows.add(PARAMETER, variable, "n", n)
        rows.add(PARAMETER, variable, "count", equal, level="agree", n=n)
        rows.add(PARAMETER, variable, "count", int((record.notna() & ~both).sum()), level="only_record")
        rows.add(PARAMETER, variable, "count", int((other.notna() & ~both).sum()), level="only_supplement")
        if rule.levels:
            _levels(rows, variable, [str(level) for level in rule.levels], record[both], other[both])
        else:
            found = limits_of_agreement(record[both].to_numpy("float64"), other[both].to_numpy("float64"))
            for statistic, value in found.items():
                unit = rule.unit or ""
                rows.add(PARAMETER, variable, statistic, value, unit=unit, method="limits_of_agreement", n=n)


def add_response_agreement(rows: Rows, study: Study, adrs: pd.DataFrame, analysed: set[str]) -> None:
    """Where a supplement may hold response assessments: what it and the record say of one reader, day and body site.

    A covariate's rows are named ``record_supplement:<id>``, so a covariate may itself be called response. Assessments
    of the study's body site count; of each source the last.
    """
    response = study.response
    if study.supplement is None or response is None or response.list_ not in study.supplement.lists:
        return
    columns = ["USUBJID", "SOURCE", "SRCLSTFL", "AVALC", "OTHAVALC", "SITEFL"]
    mine = adrs[adrs["USUBJID"].isin(list(analysed))].reindex(columns=columns)
    mine = mine[(mine["SRCLSTFL"] == "Y") & (mine["SITEFL"].eq("Y") | (response.site is None))]
    record, other = (mine[mine["SOURCE"] == source] for source in ("record", "supplement"))
    both = record[record["OTHAVALC"].notna()]
    add_cross_table(rows, RESPONSE, response.order, both["AVALC"], both["OTHAVALC"])
    for level, alone in (("only_record", record), ("only_supplement", other)):
        rows.add(PARAMETER, RESPONSE, "count", int(alone["OTHAVALC"].isna().sum()), level=level)


def _levels(rows: Rows, variable: str, levels: list[str], record: pd.Series, other: pd.Series) -> None:
    """Cross table (record first) and unweighted kappa: the levels of a variable need have no order."""
    # Levels off the study's list are one, and it is always there: what somebody was found with must not show in an id.
    known = [*levels, OTHER]
    place = {level: i for i, level in enumerate(levels)} | dict.fromkeys({*record, *other} - set(levels), len(levels))
    table = np.zeros((len(known), len(known)), dtype=np.int64)
    np.add.at(table, (record.map(place).to_numpy("int64"), other.map(place).to_numpy("int64")), 1)
    n = int(table.sum())
    for i, one in enumerate(known):
        for j, two in enumerate(known):
            rows.add(PARAMETER, variable, "count", int(table[i, j]), level=f"{one}/{two}", n=n)
    found = kappa(table, _UNWEIGHTED)
    for statistic in ("kappa", "se", "lower", "upper"):
        rows.add(PARAMETER, variable, statistic, getattr(found, statistic), method=_UNWEIGHTED, n=n)

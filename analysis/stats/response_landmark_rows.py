"""Rows of one endpoint from the study's landmarks on, by response until then. Descriptive: no P is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.cox import CoxFit
from analysis.stats.cox_rows import events_per_term_warning
from analysis.stats.estimates import FloatArray, NotEstimable, Value
from analysis.stats.response_landmark import ByResponse, by_response
from analysis.stats.rows import Rows
from analysis.stats.survival import KaplanMeier, Quantity, median_survival
from analysis.stats.time_to_event import UNITS
from analysis.study.survival import landmark_level

if TYPE_CHECKING:
    import pandas as pd

VARIABLE = "response_landmark"
RESPONDER, OTHER = "responder", "non-responder"
DESCRIPTIVE = "descriptive: response was not assigned, and responders may differ in other ways"


@dataclass(frozen=True)
class FirstDays:
    """Days from the start of time, (n,), infinite where there was none: of each subject's first response (NaN for a
    responder without the day of it) and of the first assessment that can be evaluated."""

    response: FloatArray
    evaluable: FloatArray


def first_days(cohort: Cohort, adrs: pd.DataFrame) -> FirstDays:
    """Who responded when, and who was seen when.

    A responder is who is one by best response, so its rules hold here too (readers, body site, what ends it); the day
    is that of the first assessment that counts and says so, none later than the best one.
    """
    import pandas as pd

    response = cohort.study.response
    assert response is not None
    rows = adrs.reindex(columns=["USUBJID", "PARAMCD", "AVALC", "ADY", "ACCEPTED", "SITEFL"])
    rows = rows.assign(ADY=pd.to_numeric(rows["ADY"], errors="coerce").astype("float64"))
    at_site = rows["SITEFL"].eq("Y") if response.site else rows["USUBJID"].notna()
    seen = rows[(rows["PARAMCD"] == "OVRLRESP") & (rows["ACCEPTED"] == "Y") & at_site]
    best = rows[rows["PARAMCD"] == "BOR"].groupby("USUBJID")["ADY"].min()
    good = seen["AVALC"].isin(response.responders) & (seen["ADY"] <= seen["USUBJID"].map(best))
    early = (seen["AVALC"] == "SD") & (seen["ADY"] < response.min_days_sd)
    levels = [k for k, level in enumerate(response.order) if level in response.responders]

    def first(chosen: pd.DataFrame) -> FloatArray:
        day = pd.Series(cohort.subjects).map(chosen.groupby("USUBJID")["ADY"].min())
        # On the scale of the endpoints' times.
        begins = cohort.study.endpoint_rules.first_day - cohort.study.index.landmark
        return np.asarray(day.to_numpy(dtype=np.float64, na_value=np.nan) + begins)

    evaluable = first(seen[seen["AVALC"].isin(response.order) & ~early])
    return FirstDays(
        np.where(np.isin(cohort.best_response, levels), first(seen[good]), np.inf),
        np.where(np.isnan(evaluable), np.inf, evaluable),
    )


def add_response_landmarks(rows: Rows, cohort: Cohort, adrs: pd.DataFrame, endpoint: str) -> None:
    """Counts, medians from the landmark and the hazard ratio of responders, of all arms together."""
    plan = cohort.study.analysis
    if not plan.survival.by_response or cohort.study.response is None:
        return
    data = cohort.endpoint(endpoint)
    days = first_days(cohort, adrs)
    responded, evaluable = days.response[data.index], days.evaluable[data.index]
    unit, ties = cohort.study.endpoint_rules.unit, plan.primary.ties
    for time in plan.survival.by_response:
        landmark = time * DAYS[unit]
        known = ~np.isnan(responded)
        if cohort.study.response.not_evaluable == "exclude":  # by then: who is seen later must not be known now
            known &= evaluable <= landmark
        found = by_response(data.time[known], data.event[known], responded[known], landmark, ties)
        level = landmark_level(time)
        for statistic, count in (("n", found.n), ("gone", found.gone), ("missing", int((~known).sum()))):
            rows.add(endpoint, VARIABLE, statistic, count, level=level, n=found.n, warning=DESCRIPTIVE)
        few = events_per_term_warning(cohort, found.events, 1)
        warning = f"{DESCRIPTIVE}; {few}" if few else DESCRIPTIVE
        for statistic, value in _hazard_ratio(found).items():
            rows.add(endpoint, VARIABLE, statistic, value, level=level, method=ties, n=found.n, warning=warning)
        for name, curve in ((RESPONDER, found.responders), (OTHER, found.others)):
            _add_group(rows, cohort, endpoint, f"{level}={name}", curve)


def _hazard_ratio(found: ByResponse) -> dict[str, Value]:
    names = ("hr", "lower", "upper")
    if not isinstance(found.fit, CoxFit):
        return dict.fromkeys(names, found.fit)
    return {name: float(value[0]) for name, value in zip(names, found.fit.hazard_ratios(), strict=True)}


def _add_group(rows: Rows, cohort: Cohort, endpoint: str, level: str, curve: KaplanMeier | None) -> None:
    unit = cohort.study.endpoint_rules.unit
    primary = cohort.study.analysis.primary
    n = 0 if curve is None else curve.n
    events = 0 if curve is None else int(curve.events.sum())
    rows.add(endpoint, VARIABLE, "n", n, level=level, n=n, warning=DESCRIPTIVE)
    rows.add(endpoint, VARIABLE, "events", events, level=level, n=n, warning=DESCRIPTIVE)
    nobody = NotEstimable("nobody of the group is at risk at the landmark")
    median = Quantity(nobody, nobody, nobody) if curve is None else median_survival(curve, primary.km_ci)
    method = primary.km_code
    for statistic, value in (("estimate", median.estimate), ("lower", median.lower), ("upper", median.upper)):
        scaled = value if isinstance(value, NotEstimable) else value / DAYS[unit]
        rows.add(
            endpoint,
            VARIABLE,
            statistic,
            scaled,
            level=level,
            unit=UNITS[unit],
            method=method,
            n=n,
            warning=DESCRIPTIVE,
        )

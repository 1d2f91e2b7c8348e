"""More of each sensitivity set, as the study asks: medians, survival at named times, response rates."""

from __future__ import annotations

import numpy as np

from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.estimates import NotEstimable, Value
from analysis.stats.proportions import fisher, miettinen_nurminen, pearson
from analysis.stats.restricted import survival_at
from analysis.stats.rows import Rows, contrast
from analysis.stats.survival import KaplanMeier, Quantity, kaplan_meier, median_survival
from analysis.stats.time_to_event import UNITS
from analysis.study.model import Method, Sensitivity, Study

_THREE = ("estimate", "lower", "upper")


def add_side_by_side(rows: Rows, study: Study, item: Sensitivity, found: Cohort | NotEstimable) -> None:
    """Rows of ``sensitivity:<id>`` beyond the hazard ratio; ``found`` is the set's cohort, or why there is none."""
    asked, method = study.analysis.side_by_side, item.set_ or study.analysis.primary
    parameter = f"sensitivity:{item.id}"
    for endpoint in study.endpoint:
        for place, arm in enumerate(study.arm):
            curve = found if isinstance(found, NotEstimable) else _curve(found, endpoint.id, place)
            if asked.median:
                _median(rows, study, parameter, endpoint.id, arm.label, curve, method)
            for at in asked.survival_at:
                _survival(rows, study, parameter, endpoint.id, arm.label, curve, method, at)
    if asked.response and study.response is not None:
        _response(rows, study, parameter, found, method)


def _curve(cohort: Cohort, endpoint: str, arm: int) -> KaplanMeier | NotEstimable:
    data = cohort.endpoint(endpoint)
    members = cohort.arm[data.index] == arm
    if not members.any():
        return NotEstimable("no subject with a usable time")
    return kaplan_meier(data.time[members], data.event[members])


def _median(
    rows: Rows,
    study: Study,
    parameter: str,
    endpoint: str,
    arm: str,
    curve: KaplanMeier | NotEstimable,
    method: Method,
) -> None:
    unit = study.endpoint_rules.unit
    n = None if isinstance(curve, NotEstimable) else curve.n
    found = Quantity(curve, curve, curve) if isinstance(curve, NotEstimable) else median_survival(curve, method.km_ci)
    for statistic, value in zip(_THREE, (found.estimate, found.lower, found.upper), strict=True):
        shown = value if isinstance(value, NotEstimable) else value / DAYS[unit]
        where = {"group": arm, "unit": UNITS[unit], "method": method.km_code}
        rows.add(parameter, f"{endpoint}_median", statistic, shown, n=n, **where)


def _survival(
    rows: Rows,
    study: Study,
    parameter: str,
    endpoint: str,
    arm: str,
    curve: KaplanMeier | NotEstimable,
    method: Method,
    at: float,
) -> None:
    n = None if isinstance(curve, NotEstimable) else curve.n
    day = at * DAYS[study.endpoint_rules.unit]
    told: dict[str, Value]
    if isinstance(curve, NotEstimable):
        told = {"survival": curve, "lower": curve, "upper": curve}
    else:
        found = survival_at(curve, day, method.km_ci)
        told = {"survival": found.value, "lower": found.lower, "upper": found.upper}
    for statistic, value in told.items():
        where = {"group": arm, "level": f"{at:g}", "method": method.km_code}
        rows.add(parameter, f"{endpoint}_survival", statistic, value, n=n, **where)


def _response(rows: Rows, study: Study, parameter: str, found: Cohort | NotEstimable, method: Method) -> None:
    """Rates of each arm, differences against the reference, and the test the set names."""
    response = study.response
    assert response is not None
    for name, levels in (("orr", response.responders), ("dcr", response.controlled)):
        hits, sizes = {}, {}
        for place, arm in enumerate(study.arm):
            if isinstance(found, NotEstimable):
                rows.add(parameter, name, "percent", found, group=arm.label, unit="%")
                continue
            best = found.best_response[found.in_arm(place)]
            if response.not_evaluable == "exclude":
                best = best[best < len(response.order)]
            good = [k for k, level in enumerate(response.order) if level in levels]
            hits[place], sizes[place] = int(np.isin(best, good).sum()), int(best.size)
            share: Value = 100 * hits[place] / sizes[place] if sizes[place] else NotEstimable("no subjects")
            rows.add(parameter, name, "percent", share, group=arm.label, unit="%", n=sizes[place])
        last = len(study.arm) - 1
        for place, arm in enumerate(study.arm[:-1]):
            group, n = contrast(arm.label, study.reference.label), None
            three: tuple[Value, Value, Value]
            p: Value
            if isinstance(found, NotEstimable):
                three, p = (found, found, found), found
            else:
                n = sizes[place] + sizes[last]
                three = miettinen_nurminen(hits[place], sizes[place], hits[last], sizes[last])
                table = np.array([[hits[i], sizes[i] - hits[i]] for i in (place, last)])
                p = (fisher if method.response == "fisher" else pearson)(table).p
            for statistic, value in zip(("difference", "lower", "upper"), three, strict=True):
                shown = value if isinstance(value, NotEstimable) else 100 * value
                where = {"group": group, "unit": "percentage points", "method": "miettinen_nurminen"}
                rows.add(parameter, name, statistic, shown, n=n, **where)
            rows.add(parameter, name, "p", p, group=group, method=method.response, n=n)

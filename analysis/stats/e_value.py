"""The E-value: how strong an unmeasured confounder would have to be to explain an association away.

VanderWeele and Ding, Ann Intern Med 2017;167:268: on the scale of risk ratios, with both treatment and outcome, beyond
the covariates of the model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.stats.estimates import NotEstimable, Value
from analysis.stats.rows import Rows
from analysis.stats.terms import TREATMENT
from analysis.study.model import Study
from analysis.study.weighting import Outcome

if TYPE_CHECKING:
    import pandas as pd

MODELS = ("cox_univariate", "cox_adjusted")


def risk_ratio(hazard_ratio: float, outcome: Outcome) -> float:
    """A hazard ratio as an approximate risk ratio: itself where the outcome is rare (below 15 % at the end), else
    (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)) (VanderWeele, Biometrics 2020;76:746)."""
    if outcome == "rare":
        return hazard_ratio
    root = math.sqrt(hazard_ratio)
    return -math.expm1(root * math.log(0.5)) / -math.expm1(math.log(0.5) / root)


def e_value(ratio: float) -> float:
    """RR + sqrt(RR (RR - 1)) for a risk ratio above 1; below, of 1/RR."""
    away = ratio if ratio >= 1 else 1 / ratio
    return away + math.sqrt(away * (away - 1))


def e_values(hr: float, lower: float, upper: float, outcome: Outcome) -> tuple[float, float]:
    """E-values of a hazard ratio and of the limit nearer to 1; the limit's is 1 where the interval holds 1."""
    near = 1.0 if lower <= 1 <= upper else lower if hr > 1 else upper
    return e_value(risk_ratio(hr, outcome)), e_value(risk_ratio(near, outcome))


def add_e_values(rows: Rows, study: Study, results: pd.DataFrame) -> None:
    """Rows of ``e_value`` for every hazard ratio of treatment with the primary ties: alone, adjusted, weighted.

    ``results`` are the rows so far; a study that does not ask (``analysis.e_value``) gets none.
    """
    outcome = study.analysis.e_value
    if outcome is None:
        return
    import pandas as pd

    ties = study.analysis.primary.ties
    endpoints = {endpoint.id for endpoint in study.endpoint}
    of_treatment = results["level"].str.startswith(f"{TREATMENT}=") & (results["method"] == ties)
    models = results["parameter"].isin(endpoints) & results["variable"].isin(MODELS) & of_treatment
    weighted = results["parameter"].str.startswith("weighting:") & (results["method"] == f"{ties}_robust")
    ratios = results[models | weighted]
    keys = zip(*(ratios[c].astype(str) for c in ("parameter", "variable", "group", "statistic")), strict=True)
    limits = dict(zip(keys, ratios["value"].tolist(), strict=True))
    for row in ratios[ratios["statistic"] == "hr"].itertuples(index=False):
        parameter, variable, group = str(row.parameter), str(row.variable), str(row.group)
        endpoint, model = (parameter, variable) if parameter in endpoints else (variable, parameter)
        hr, lower, upper = (limits[parameter, variable, group, s] for s in ("hr", "lower", "upper"))
        made: tuple[Value, Value]
        if all(math.isfinite(v) and v > 0 for v in (hr, lower, upper)):
            made = e_values(hr, lower, upper, outcome)
        else:
            # The reason alone: what else is said of the ratio is not true of an E-value.
            told = str(row.warning).removeprefix("NE: ").partition("; ")[0]
            reason = NotEstimable(told if math.isnan(hr) else "the hazard ratio has no finite interval")
            made = reason, reason
        n = None if row.n is pd.NA else int(row.n)  # type: ignore[arg-type]
        where = {"group": group, "level": model, "method": outcome}
        rows.add(endpoint, "e_value", "estimate", made[0], n=n, **where)
        rows.add(endpoint, "e_value", "limit", made[1], n=n, **where)

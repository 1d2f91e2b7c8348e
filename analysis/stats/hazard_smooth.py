"""The smooth through scaled Schoenfeld residuals: a coefficient's course over time, as R's ``plot(cox.zph(fit))``.

A curve through a handful of single subjects' residuals tells of them, so it stays on site with the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.estimates import FloatArray
from analysis.stats.hazard_plots import Residuals, residuals_of

if TYPE_CHECKING:
    import pandas as pd

_DF, _POINTS, _WIDTH = 4, 40, 2.0


@dataclass(frozen=True)
class Smooth:
    """The line at 40 places ``g`` from the first residual to the last, with limits of two standard errors."""

    g: FloatArray
    line: FloatArray
    lower: FloatArray
    upper: FloatArray


def smooth_residuals(g: FloatArray, scaled: FloatArray, variance: float) -> Smooth | None:
    """Least squares on a natural cubic spline of four degrees of freedom; None where ``g`` cannot hold them.

    ``g`` and ``scaled``: (d,), as ``residuals_of`` gives them; ``variance``: the coefficient's. A scaled residual has
    about d times that variance (Grambsch and Therneau, Biometrika 1994;81:515). The inner knots are, as R's, the
    thirds of the residuals' places and the line's together.
    """
    from scipy.interpolate import CubicSpline

    if np.unique(g).size < _DF:
        return None
    at = np.linspace(g.min(), g.max(), _POINTS)
    knots = np.quantile(np.concatenate([at, g]), [0.0, 1 / 3, 2 / 3, 1.0])
    basis = CubicSpline(knots, np.eye(_DF), bc_type="natural")
    design, shown = basis(g), basis(at)
    if np.linalg.matrix_rank(design) < _DF:
        return None
    q, r = np.linalg.qr(design)
    half = np.linalg.solve(r.T, shown.T)  # of each place the factor of its variance: shown (X'X)^-1 shown'
    line = half.T @ (q.T @ scaled)
    spread = _WIDTH * np.sqrt(g.size * variance * (half**2).sum(axis=0))
    return Smooth(at, line, line - spread, line + spread)


def smooth_frame(cohort: Cohort, endpoint: str, *, adjusted: bool = False) -> pd.DataFrame:
    """The line through the residuals of each column of the model of ``schoenfeld_frame``, 40 rows a column.

    Columns: ``level``, ``group``, ``g``, ``time`` (the study's unit, between events by straight lines), ``line``,
    ``lower``, ``upper``. No rows where the model has no fit or too few different times.
    """
    return smooth_rows(cohort, residuals_of(cohort, endpoint, adjusted=adjusted))


def smooth_rows(cohort: Cohort, found: Residuals | None) -> pd.DataFrame:
    """The rows of ``smooth_frame``, of residuals that are there already."""
    import pandas as pd

    names = ["level", "group", "g", "time", "line", "lower", "upper"]
    parts = []
    for k, column in enumerate(found.columns if found else ()):
        assert found is not None
        smooth = smooth_residuals(found.g, found.scaled[:, k], float(found.fit.covariance[k, k]))
        if smooth is None:
            continue
        g, first = np.unique(found.g, return_index=True)
        time = np.interp(smooth.g, g, found.time[first] / DAYS[cohort.study.endpoint_rules.unit])
        values = dict(zip(names[2:], (smooth.g, time, smooth.line, smooth.lower, smooth.upper), strict=True))
        parts.append(pd.DataFrame({"level": column.level, "group": column.group, **values}))
    return pd.concat(parts, ignore_index=True)[names] if parts else pd.DataFrame(columns=names)

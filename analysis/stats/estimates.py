"""An estimate that may not exist: a number, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: The 97.5 % point of the normal distribution, for two-sided 95 % intervals.
Z95 = 1.959963984540054


@dataclass(frozen=True)
class NotEstimable:
    """Why a number cannot be given; it ends as the row's warning ``NE: <reason>``."""

    reason: str


Value = float | NotEstimable


def finite(value: float, reason: str) -> Value:
    """``value``, or NotEstimable with ``reason`` where it is not a finite number."""
    return float(value) if math.isfinite(value) else NotEstimable(reason)

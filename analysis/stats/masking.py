"""What of the results a locked study may show: rows in which no arm can be told from another (``docs/release.md``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.stats.rows import TOTAL

if TYPE_CHECKING:
    import pandas as pd

_POOLED = ("events", "censored", "follow_up")


def is_pooled(parameter: str, variable: str, group: str) -> bool:
    """Whether a row tells nothing of one arm. A list of what may stay: a new kind of row is masked until named here."""
    return (parameter == "flow" or variable in _POOLED) and group in (TOTAL, "")


def masked(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``results`` that a locked study may show, in their order.

    Of what is to leave the site, suppress first: the suppression of pooled figures looks at those by arm too.
    """
    import numpy as np

    named = zip(results["parameter"], results["variable"], results["group"], strict=True)
    kept = np.array([is_pooled(str(p), str(v), str(g)) for p, v, g in named], dtype=np.bool_)
    return results[kept].reset_index(drop=True)

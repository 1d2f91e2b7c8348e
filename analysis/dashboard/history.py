"""What the dashboard is made from: the quality results of all runs of a study, as frames (docs/dashboard.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class History:
    """All runs of one study that can be set side by side, read once.

    Frames, one row each:

    - ``runs``: run, started, finished (ISO instants as text; the latter may be empty), outcome, exit_code (of a run
      that has not ended None or NaN), synthetic, missing (of each site that did not land whole, how many pieces are
      missing by resource type, empty: of no type; the column may be left out)
    - ``checks``: run, check_id, table, site (empty: the whole study), status, numerator, denominator, threshold, stops,
      overridden, subjects and what the check says of itself (severity, action, reason, consequence, error)
    - ``touched``: run, check_id, table, site, outcome, subjects, lost
    - ``subjects``: run, site, outcome, screened, analysed, dropped, usable, lost
    - ``profile``: run, started, site, table, kind, key, n, patients; kinds other than ``records``, ``newest``,
      ``month`` and ``unmapped`` are not looked at
    - ``acknowledged``: check_id, table, site (either may be empty: all), name, note, until (a day as text)

    ``sites`` maps id to label, in the order of the sites file. ``min_count``: smaller counts are not shown.
    ``definitions``: the checks of the catalogue as records (id, table, category, context, severity, action, scope,
    threshold, stop_above, reason, consequence), in its order. ``left_out``: runs of other sources.
    """

    title: str
    study: str
    sites: Mapping[str, str]
    runs: pd.DataFrame
    checks: pd.DataFrame
    touched: pd.DataFrame
    subjects: pd.DataFrame
    profile: pd.DataFrame
    acknowledged: pd.DataFrame
    definitions: Sequence[Mapping[str, Any]]
    min_count: int = 5
    left_out: int = 0

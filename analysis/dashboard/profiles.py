"""The counts of all runs as arrays: sites by tables by runs, and what the newest run counted month by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from analysis.dashboard.grid import Grid, places_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Profiles:
    """``records``: resources; NaN before a site first sent the table, zero where it no longer does. ``newest``: the day
    of the newest record as an ordinal, the last one known where nothing came; NaN before the first. Both are NaN in a
    run in which the site did not land whole: what was not fetched is not lost. ``nothing``: sites by runs, where a run
    with counts has none of the site."""

    sites: tuple[str, ...]
    tables: tuple[str, ...]
    records: np.ndarray
    newest: np.ndarray
    nothing: np.ndarray

    def total(self) -> np.ndarray:
        """Resources of each site in each run, over all tables."""
        gone = np.isnan(self.records).all(axis=1)
        return np.where(gone, np.nan, np.nansum(self.records, axis=1))

    def newest_of_site(self) -> np.ndarray:
        """The newest record of each site in each run, over all tables."""
        filled = np.where(np.isnan(self.newest), -np.inf, self.newest).max(axis=1, initial=-np.inf)
        return np.where(np.isinf(filled), np.nan, filled)


def profiles(profile: pd.DataFrame, grid: Grid) -> Profiles:
    """Set the counts of resources and the newest records of all runs side by side."""
    wanted = profile[profile["kind"].isin(["records", "newest"])]
    sites, runs = list(grid.sites), [run.id for run in grid.runs]
    tables = sorted({str(table) for table in wanted["table"].unique()})
    site, table = places_of(wanted["site"], sites), places_of(wanted["table"], tables)
    run = places_of(wanted["run"], runs)
    kind = wanted["kind"].to_numpy() == "records"
    shape = (len(sites), len(tables), len(runs))
    records, newest = np.full(shape, np.nan), np.full(shape, np.nan)
    inside = (site >= 0) & (run >= 0)
    counted, dated = kind & inside, ~kind & inside
    records[site[counted], table[counted], run[counted]] = wanted["n"].to_numpy(dtype=float)[counted]
    newest[site[dated], table[dated], run[dated]] = _ordinals(wanted["key"][dated])
    profiled = np.zeros(len(runs), dtype=bool)
    profiled[run[inside]] = True
    seen = np.maximum.accumulate(~np.isnan(records), axis=2)
    records = np.where(np.isnan(records) & seen & profiled, 0.0, records)
    nothing = profiled & ~(np.nan_to_num(records) > 0).any(axis=1)
    short = np.array([[site in run.missing for run in grid.runs] for site in sites], dtype=bool)
    short = short.reshape(len(sites), 1, len(runs))
    newest = np.where(short, np.nan, _filled(newest))
    return Profiles(tuple(sites), tuple(tables), np.where(short, np.nan, records), newest, nothing)


def _ordinals(days: pd.Series) -> np.ndarray:
    """Days ``YYYY-MM-DD`` as ordinals."""
    import pandas as pd

    found, texts = pd.factorize(days)
    return np.array([float(date.fromisoformat(str(text)[:10]).toordinal()) for text in texts] or [np.nan])[found]


def _filled(values: np.ndarray) -> np.ndarray:
    """Along the runs, the last value known where there is none."""
    places = np.where(np.isnan(values), 0, np.arange(values.shape[2]))
    np.maximum.accumulate(places, axis=2, out=places)
    return np.take_along_axis(values, places, axis=2)

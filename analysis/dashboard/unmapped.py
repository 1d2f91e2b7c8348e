"""The most frequent codes that no list of the study takes, over all sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.dashboard.grid import WINDOW, Grid

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10
RARE = "(rare)"


@dataclass(frozen=True)
class Code:
    """``n`` resources of ``patients`` (summed over the sites; who is at two counts twice); ``course``: run by run."""

    system: str
    code: str
    tables: tuple[str, ...]
    sites: tuple[str, ...]
    n: int
    patients: int
    course: np.ndarray


@dataclass(frozen=True)
class Unmapped:
    """The ten most frequent, how many codes there are beside them, and the resources of codes that few patients have,
    which are not named."""

    codes: tuple[Code, ...]
    more: int
    rare: int


def unmapped(profile: pd.DataFrame, grid: Grid, least: int) -> Unmapped:
    """Codes of the newest run by frequency; a site's rows of fewer than ``least`` patients count as rare.

    A run in which a site that has the code did not land whole has no count of it.
    """
    rows = profile[profile["kind"] == "unmapped"]
    few = ((rows["patients"] < least) | (rows["key"].astype(object) == RARE)).to_numpy(dtype=bool)
    runs = [run.id for run in grid.runs][-WINDOW:]
    now = rows["run"].astype(object) == runs[-1]
    rare = int(rows.loc[now & few, "n"].sum())
    rows = rows[~few]
    newest = rows[rows["run"].astype(object) == runs[-1]]
    counted = newest.groupby("key", observed=True)[["n", "patients"]].sum()
    counted = counted.assign(name=counted.index.astype(str)).sort_values(["n", "name"], ascending=[False, True])
    chosen = list(counted.index[:SHOWN])
    courses = rows[rows["key"].isin(chosen) & rows["run"].isin(runs)]
    by_run = courses.groupby(["key", "run"], observed=True)["n"].sum().to_dict()
    sites = courses.groupby("key", observed=True)["site"].unique()
    short = {run.id: set(run.missing) for run in grid.runs}
    profiled = set(profile["run"].unique())
    codes = []
    for key in chosen:
        mine = newest[newest["key"] == key]
        system, _, code = str(key).rpartition("|")
        whole = [run in profiled and short[run].isdisjoint(sites[key]) for run in runs]
        course = [float(by_run.get((key, run), 0.0)) if so else np.nan for run, so in zip(runs, whole, strict=True)]
        codes.append(
            Code(
                system, code, _in_order(mine["table"], ()), _in_order(mine["site"], tuple(grid.sites)),
                int(counted.loc[key, "n"]), int(counted.loc[key, "patients"]), np.array(course),
            )
        )  # fmt: skip
    return Unmapped(tuple(codes), len(counted) - len(chosen), rare)


def _in_order(values: pd.Series, order: Sequence[str]) -> tuple[str, ...]:
    found = {str(value) for value in values}
    return tuple(v for v in order if v in found) if order else tuple(sorted(found))

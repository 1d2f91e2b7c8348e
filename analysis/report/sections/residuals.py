"""Scaled Schoenfeld residuals of treatment for the page of single subjects: figure, points and line as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.pages import formats
from analysis.report import words
from analysis.report.figures.canvas import number
from analysis.report.figures.residuals import Course, residuals
from analysis.study.model import Study


@dataclass(frozen=True)
class HazardFrames:
    """Of one endpoint: ``analysis.stats.hazard_plots.schoenfeld_frame`` and ``hazard_smooth.smooth_frame``."""

    points: pd.DataFrame
    line: pd.DataFrame


def hazard_courses(study: Study, frames: Mapping[str, HazardFrames]) -> list[dict[str, Any]]:
    """One block for each endpoint and contrast with at least two events; ``frames`` by the endpoint's id."""
    return [
        block
        for endpoint in study.endpoint
        if endpoint.id in frames
        for block in _blocks(study, endpoint.id, endpoint.label, frames[endpoint.id])
    ]


def _blocks(study: Study, endpoint: str, label: str, frames: HazardFrames) -> Iterator[dict[str, Any]]:
    unit = words.time_unit(study.endpoint_rules)
    arms = [f"{a.label} vs {study.reference.label}" for a in study.arm[:-1]]
    for i, group in enumerate(arms):
        points = frames.points[frames.points["group"] == group]
        smooth = frames.line[frames.line["group"] == group]
        if points["time"].nunique() < 2:
            continue
        course = Course(
            _rows(points, "g", "scaled"),
            _rows(smooth, "g", "line", "lower", "upper"),
            float(points["coef"].iloc[0]),
            _ticks(points),
        )
        name = f"{label}, {group}"
        band = "a line with its band" if course.smooth else "no line: too few different times"
        figure = residuals(
            f"residuals-{endpoint.lower()}-{i + 1}",
            f"{name}: log hazard ratio over time",
            f"Scaled Schoenfeld residuals, a point an event, {len(points)} in all, and {band}; the values stand in the "
            "tables under the figure.",
            course,
            f"{words.sentence_case(unit)} since the {words.start_of_time(study)}, events evenly apart",
        )
        yield {
            "name": name,
            "figure": figure,
            "points": [(f"{t:.2f}", formats.decimal(v, 3)) for t, v in _rows(points, "time", "scaled")],
            "line": [
                (f"{t:.2f}", *(formats.decimal(v, 3) for v in rest))
                for t, *rest in _rows(smooth, "time", "line", "lower", "upper")
            ],
        }


def _rows(frame: pd.DataFrame, *names: str) -> list[Any]:
    return [tuple(float(v) for v in row) for row in frame[list(names)].itertuples(index=False, name=None)]


def _ticks(points: pd.DataFrame) -> list[tuple[float, str]]:
    """Times at eight places evenly apart, to two figures and put where they then belong (as R's ``plot.cox.zph``)."""
    known = points.drop_duplicates("g").sort_values("g")
    time, g = known["time"].to_numpy(dtype="float64"), known["g"].to_numpy(dtype="float64")
    places = np.linspace(g[0], g[-1], 17)[1::2]
    times = {float(f"{t:.2g}") for t in np.interp(places, g, time)}
    wide = (g[-1] - g[0]) / 20
    kept: list[tuple[float, str]] = []
    for at in sorted(times):
        place = float(np.interp(at, time, g))
        if not kept or place - kept[-1][0] >= wide:
            kept.append((place, number(at)))
    return kept

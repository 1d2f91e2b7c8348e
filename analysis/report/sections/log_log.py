"""The log(-log) curves under the Cox models, from the Kaplan-Meier rows that the page may show."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.pages import formats
from analysis.report import words
from analysis.report.context import Context
from analysis.report.curves import printed
from analysis.report.figures.log_minus_log import log_minus_log
from analysis.report.lookup import Lookup
from analysis.stats.hazard_plots import log_minus_log_frame
from analysis.study.model import Endpoint


def log_log(context: Context, lookup: Lookup, endpoint: Endpoint) -> dict[str, Any] | None:
    """The figure, and of each arm label and lines (time, cell of survival, value); None without two points an arm."""
    rows = [r for r in context.index.of(endpoint.id, "km") if r.statistic == "survival"]
    frame = log_minus_log_frame(
        pd.DataFrame(
            [(r.parameter, r.variable, r.statistic, r.group, r.level, r.value) for r in rows],
            columns=["parameter", "variable", "statistic", "group", "level", "value"],
        ).astype({"value": "float64"}),
        endpoint.id,
    )
    level = {(r.group, float(r.level)): r.level for r in rows}
    points = {arm: _points(frame[frame["group"] == arm]) for arm in context.arms}
    points = {arm: found for arm, found in points.items() if len(found) > 1}
    if len(points) < 2:
        return None
    unit = words.time_unit(context.study.endpoint_rules)
    figure = log_minus_log(
        f"log-log-{endpoint.id.lower()}",
        f"{endpoint.label}, log(\u2212log) of the Kaplan-Meier curves",
        f"A line an arm against time on a log axis, {words.listing([*points])}; the values stand in the tables under "
        "the figure.",
        [(context.arms[arm], mine) for arm, mine in points.items()],
        f"{words.sentence_case(unit)} since the {words.start_of_time(context.study)}, log axis",
    )
    tables = []
    for arm, mine in points.items():
        lines = [
            (
                f"{time:.2f}",
                lookup.cell(endpoint.id, "km", "survival", group=arm, level=level[arm, time], quiet=True),
                formats.decimal(value, 3),
            )
            for time, value in (mine[i] for i in printed(len(mine)))
        ]
        tables.append((arm, lines, len(mine)))
    return {"figure": figure, "tables": tables}


def _points(frame: pd.DataFrame) -> list[tuple[float, float]]:
    return [(float(time), float(value)) for time, value in zip(frame["time"], frame["value"], strict=True)]

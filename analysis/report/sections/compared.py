"""Several analyses of one comparison of two arms: their lines, and a forest plot that holds them to the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.report import words
from analysis.report.context import Context, Contrast
from analysis.report.figures.forest import ForestRow, described, forest
from analysis.study.model import Endpoint

TESTS = ("Cox P", "Log-rank P")


def compared(
    context: Context,
    endpoint: Endpoint,
    contrast: Contrast,
    lines: Sequence[dict[str, Any]],
    rows: Sequence[ForestRow],
    named: tuple[str, str],
) -> dict[str, Any]:
    """The block of a section; ``named`` is the figure's key before the endpoint, and what its title adds."""
    key, what = named
    label = f"{endpoint.label}: {contrast.experimental} against {contrast.reference}"
    drawn = any(row.hr is not None for row in rows)
    return {
        "label": label,
        "lines": lines,
        "figure": forest(
            f"{key}-{endpoint.id.lower()}-{context.arms[contrast.experimental].number}",
            f"{label}, {what}",
            described(rows, TESTS),
            rows,
            ("lower hazard", "higher hazard"),
            words.confidence(context.study),
            TESTS,
            beside=True,
        )
        if drawn
        else None,
    }

"""Medians and targets from the rounds. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

RAW = "raw checks"
WHOLE_SECONDS, WHOLE_GIB = 60.0, 2.0
RAW_SECONDS, RAW_GIB = 35.0, 1.5
_GIB = 2**30


def summarise(
    rounds: Sequence[Mapping[str, Any]], machine: Mapping[str, Any], versions: Mapping[str, str]
) -> dict[str, Any]:
    """The results as kept. A round is what ``once`` printed, with the ``load`` at its start.

    Of each step the median of seconds and processor seconds, and the highest memory the process had by its end.
    """
    names = list(rounds[0]["steps"])
    steps = {
        name: {
            "seconds": median(one["steps"][name]["seconds"] for one in rounds),
            "cpu_seconds": median(one["steps"][name]["cpu_seconds"] for one in rounds),
            "peak_gib": max(one["steps"][name]["peak_bytes"] for one in rounds) / _GIB,
        }
        for name in names
    }
    each = [sum(step["seconds"] for step in one["steps"].values()) for one in rounds]
    peak = max(step["peak_gib"] for step in steps.values())
    loads = [one["load"] for one in rounds]
    counts = ("rows", "subjects", "raw_checks", "analysis_checks", "findings", "listed", "profile")
    return {
        "machine": dict(machine),
        "versions": dict(versions),
        "load": {"least": round(min(loads), 2), "most": round(max(loads), 2)},
        **{name: rounds[0][name] for name in counts},
        "violations": dict(rounds[0]["violations"]),
        "steps": steps,
        "seconds": median(each),
        "each": each,
        "targets": [
            _target("Seconds of the whole catalogue", WHOLE_SECONDS, median(each)),
            _target("GiB at its peak", WHOLE_GIB, peak),
            _target("Seconds of the raw checks alone", RAW_SECONDS, steps[RAW]["seconds"]),
            _target("GiB at the peak of the raw checks", RAW_GIB, steps[RAW]["peak_gib"]),
        ],
    }


def _target(name: str, bound: float, measured: float) -> dict[str, Any]:
    return {"target": name, "wanted": f"< {bound:g}", "measured": measured, "met": measured < bound}

"""Medians, shares, growth and targets from the rounds. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

SUBJECTS, SECONDS, GIB, EXPONENT = 1_000_000, 180.0, 4.0, 1.1
DERIVE, COMPARE = "derive", "compare"


@dataclass(frozen=True)
class Round:
    """One measurement: ``took`` has ``steps`` (seconds by name), ``peak_bytes`` and ``hazard_ratio``."""

    who: str
    subjects: int
    rows: int
    load: float
    took: Mapping[str, Any]


def summarise(
    rounds: Sequence[Round],
    machine: Mapping[str, Any],
    versions: Mapping[str, str],
    apart: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The results as kept: medians by size and who, how derivation grows, whether the targets are met, and what is
    asked ``apart``: for each number of subjects the seconds of each step."""
    sizes = sorted({one.subjects for one in rounds})
    by_size = [_size(size, [one for one in rounds if one.subjects == size]) for size in sizes]
    largest = by_size[-1]
    ours = largest["who"]["bedside"]
    growth = _exponent(by_size)
    return {
        "machine": dict(machine),
        "versions": dict(versions),
        "load": {"least": round(min(r.load for r in rounds), 2), "most": round(max(r.load for r in rounds), 2)},
        "sizes": by_size,
        "growth": growth,
        "apart": [{"subjects": one["subjects"], "steps": _medians([one["steps"]])} for one in apart],
        "targets": [
            _target(f"Seconds for {largest['subjects']:,} subjects", f"< {SECONDS:g}", ours["seconds"], SECONDS),
            _target(f"GiB at the peak, {largest['subjects']:,} subjects", f"< {GIB:g}", ours["peak_gib"], GIB),
            *(
                [_target("Derivation grows as subjects to the power of", f"< {EXPONENT:g}", growth, EXPONENT)]
                if growth is not None
                else []
            ),
        ],
    }


def _size(size: int, rounds: Sequence[Round]) -> dict[str, Any]:
    who = {}
    for name in dict.fromkeys(one.who for one in rounds):
        mine = [one.took for one in rounds if one.who == name]
        who[name] = {
            "rounds": len(mine),
            "seconds": round(median(sum(took["steps"].values()) for took in mine), 3),
            "each": [round(sum(took["steps"].values()), 2) for took in mine],
            "steps": _medians([took["steps"] for took in mine]),
            "parts": _medians([took.get("parts", {}) for took in mine]),
            "peak_gib": round(max(took["peak_bytes"] for took in mine) / 2**30, 3),
            "hazard_ratio": mine[0]["hazard_ratio"],
        }
    return {"subjects": size, "rows": rounds[0].rows, "who": who}


def _medians(timed: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(median(one[name] for one in timed), 3) for name in timed[0]}


def _exponent(sizes: Sequence[Mapping[str, Any]]) -> float | None:
    """Of the power by which derivation grows between the two largest sizes; None with one size."""
    if len(sizes) < 2:
        return None
    small, large = sizes[-2:]
    seconds = [one["who"]["bedside"]["steps"][DERIVE] for one in (small, large)]
    return round(math.log(seconds[1] / seconds[0]) / math.log(large["subjects"] / small["subjects"]), 3)


def _target(name: str, wanted: str, measured: float, most: float) -> dict[str, Any]:
    return {"target": name, "wanted": wanted, "measured": measured, "met": measured < most}

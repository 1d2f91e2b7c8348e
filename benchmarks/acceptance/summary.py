"""Medians, ratios and targets from the rounds. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

ROUNDS = 5
RATIO, SECONDS = 25.0, 3.0
TITLES = {
    "fast": "Bedside's quick judge",
    "models": "Bedside's judge by the models alone",
    "fhir.resources": "fhir.resources, `model_validate_json`",
    "orjson": "orjson alone: the JSON is read, nothing is judged",
}


def summarise(
    judged: Sequence[Mapping[str, Any]],
    accepted: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
    sizes: Mapping[str, int],
    machine: Mapping[str, Any],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """The results as kept: by type and over all, resources a second and how many times fhir.resources.

    A ratio is that of one round, against the quicker of the two ways to ask fhir.resources; shown is the median.
    """
    types = {
        type_: _of([{way: by[type_] for way, by in one["seconds"].items()} for one in judged], count)
        for type_, count in counts.items()
    }
    whole = _of([{way: sum(by.values()) for way, by in one["seconds"].items()} for one in judged], sum(counts.values()))
    runs = [_runs(kind, accepted) for kind in _kinds(accepted)]
    quick = next(one for one in runs if (one["judge"], one["workers"]) == ("fast", 2))
    loads = [one["load"] for one in (*judged, *accepted)]
    return {
        "machine": dict(machine),
        "versions": dict(versions),
        "rounds": {"judges": len(judged), "acceptances": len(accepted)},
        "load": {"least": round(min(loads), 2), "most": round(max(loads), 2)},
        "resources": dict(counts),
        "bytes": dict(sizes),
        "judges": {"all": whole, **types},
        "acceptances": runs,
        "targets": [
            {
                "target": "Times the speed of fhir.resources, one core, whole sample",
                "wanted": f"at least {RATIO:g}",
                "measured": whole["ratio"],
                "met": whole["ratio"] >= RATIO,
            },
            {
                "target": "Seconds for the whole sample, accepted on two cores",
                "wanted": f"less than {SECONDS:g}",
                "measured": quick["seconds"],
                "met": quick["seconds"] < SECONDS,
            },
        ],
    }


def _of(rounds: Sequence[Mapping[str, float]], count: int) -> dict[str, Any]:
    rates = {way: round(count / median(one[way] for one in rounds)) for way in rounds[0]}
    ratios = [min(one["models"], one["fhir.resources"]) / one["fast"] for one in rounds]
    return {"per_second": rates, "ratio": median(ratios), "ratios": ratios}


def _kinds(accepted: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    return [(run["judge"], run["workers"]) for run in accepted[0]["runs"]]


def _runs(kind: tuple[str, int], accepted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    runs = [run for one in accepted for run in one["runs"] if (run["judge"], run["workers"]) == kind]
    return {
        "judge": kind[0],
        "workers": kind[1],
        **{what: median(run[what] for run in runs) for what in ("seconds", "process_seconds", "cpu_seconds")},
        "each": [run["seconds"] for run in runs],
        "accepted": runs[0]["accepted"],
    }

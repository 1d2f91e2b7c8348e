"""From measurements to results: medians, rates, growth, what was not run, and whether the targets are reached. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.mapping.contenders import Contender
from benchmarks.mapping.rounds import SMALL, STOP_RATE, STOP_SIZE, TINY

Results = dict[str, Any]
ROUNDS = 5
QUOTED = {
    "pysof": "about 10,000 resources/s",
    "fhir4ds-v2": "about 8,000 to 10,000 resources/s",
    "fhirpathpy": "about 6,000 resources/s",
    "pathling": "about 4,500 resources/s warm, 1,500 cold",
}
"""Seen before on another machine of 2 cores (200,000 lab Observations, 148 MB; Pathling: 2.4 kB Observations)."""


def summarise(
    records: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], contenders: Sequence[Contender]
) -> Results:
    """The results as JSON-ready values, in the order of ``contenders``."""
    views = list(dict.fromkeys(r["view"] for r in records if r["kind"] == "run"))
    measured: dict[str, dict[str, dict[str, Any]]] = {}
    for view in views:
        sizes = sorted({r["size"] for r in records if r["kind"] == "run" and r["view"] == view})
        measured[view] = {str(size): _at_size(records, view, size, contenders) for size in sizes}
    results: Results = {
        "machine": dict(facts),
        "versions": {r["engine"]: r["versions"] for r in records if r["kind"] == "versions"},
        "views": measured,
        "rows": _rows(records, views),
        "growth": {view: _growth(at) for view, at in measured.items()},
        "not_run": _not_run(records, measured, contenders),
        "memory": next((_memory(r) for r in records if r["kind"] == "memory"), None),
    }
    results["targets"] = _targets(results)
    return results


def _at_size(
    records: Iterable[Mapping[str, Any]], view: str, size: int, contenders: Sequence[Contender]
) -> dict[str, dict[str, Any]]:
    here = [r for r in records if r.get("view") == view and r.get("size") == size]
    found = {}
    for contender in contenders:
        # A round that was measured twice, by two benches at once, counts once.
        runs = list({r["round"]: r for r in here if r["kind"] == "run" and r["engine"] == contender.name}.values())
        if not runs:
            continue
        seconds = statistics.median(r["seconds"] for r in runs)
        found[contender.name] = {
            "rounds": len(runs),
            "seconds": _short(seconds),
            "fastest": _short(min(r["seconds"] for r in runs)),
            "slowest": _short(max(r["seconds"] for r in runs)),
            "resources_per_second": round(size / seconds),
            "mb_per_second": _short(runs[0]["bytes"] / 1e6 / seconds),
            "peak_mib": round(max(r["peak_bytes"] for r in runs) / 2**20),
            "rows": runs[0]["rows"],
        }
        cold = [r["start"] + r["first"] for r in here if r["kind"] == "cold" and r["engine"] == contender.name]
        if cold:
            found[contender.name]["cold_seconds"] = _short(statistics.median(cold))
    return found


def _rows(records: Iterable[Mapping[str, Any]], views: Sequence[str]) -> dict[str, dict[str, Any]]:
    names = ("same", "only_ours", "only_theirs", "remarks")
    found: dict[str, dict[str, Any]] = {view: {} for view in views}
    for r in records:
        if r["kind"] == "rows" and r["view"] in found:
            found[r["view"]][r["engine"]] = {name: r[name] for name in names}
    return found


def exponent(tiny: float, smaller: float, larger: float, times: float) -> float | None:
    """How cost grows: e of (larger - tiny) / (smaller - tiny) = times ** e; 1 is linear. None where it is not known."""
    if smaller <= tiny or larger <= tiny:
        return None
    return math.log((larger - tiny) / (smaller - tiny)) / math.log(times)


def _growth(sizes: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    tiny, small, large = (sizes.get(str(size), {}) for size in (TINY, 100_000, 1_000_000))
    found = {}
    for engine in tiny:
        if engine in small and engine in large:
            start = tiny[engine]["seconds"]
            made = exponent(start, small[engine]["seconds"], large[engine]["seconds"], 10)
            found[engine] = {"start_seconds": start, "exponent": None if made is None else round(made, 3)}
    return found


def _not_run(
    records: Sequence[Mapping[str, Any]], measured: Mapping[str, Any], contenders: Sequence[Contender]
) -> list[dict[str, Any]]:
    found = []
    for view, sizes in measured.items():
        for size in sizes:
            for contender in contenders:
                if contender.name in sizes[size] or int(size) == TINY:
                    continue
                failed = [
                    r["why"]
                    for r in records
                    if r["kind"] == "failed"
                    and (r["engine"], r["view"], r["size"]) == (contender.name, view, int(size))
                ]
                rate = sizes.get(str(STOP_SIZE), {}).get(contender.name, {}).get("resources_per_second")
                if failed:
                    why = failed[-1]
                elif int(size) > contender.largest:
                    why = f"one thread is measured up to {contender.largest:,}"
                elif int(size) > STOP_SIZE and rate is not None and rate < STOP_RATE:
                    why = f"slower than {STOP_RATE:,} resources/s"
                else:
                    why = "not asked for"
                found.append({"engine": contender.name, "view": view, "size": int(size), "why": why})
    return found


def _memory(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "view": record["view"],
        "resources": record["resources"],
        "bytes": record["bytes"],
        "seconds": round(record["seconds"], 1),
        "resources_per_second": round(record["resources"] / record["seconds"]),
        "peak_mib": round(record["peak_bytes"] / 2**20),
    }


def _targets(results: Results) -> list[dict[str, Any]]:
    views = results["views"]

    def ratios(ours: str, theirs: str, sizes: Sequence[int]) -> dict[str, float]:
        found = {}
        for view, at in views.items():
            for size in sizes:
                one, other = (at.get(str(size), {}).get(name) for name in (ours, theirs))
                if one and other:
                    found[f"{view} {size:,}"] = _short(other["seconds"] / one["seconds"])
        return found

    sizes = (SMALL, 100_000, 1_000_000)
    growth = {
        view: at["bedside"]["exponent"]
        for view, at in results["growth"].items()
        if at.get("bedside", {}).get("exponent")
    }
    memory = results["memory"]
    return [
        _target("Speed beside SQL written by hand (DuckDB, all cores)", 0.8, ratios("bedside", "duckdb-sql", sizes)),
        _target("Times the speed of pysof", 30, ratios("bedside", "pysof", (STOP_SIZE,))),
        _target("Times the speed of fhir4ds-v2", 30, ratios("bedside", "fhir4ds-v2", (STOP_SIZE,))),
        _target("Times the speed of Pathling, same cores, warm", 40, ratios("bedside", "pathling", (STOP_SIZE,))),
        _target(
            "On Spark: times the speed of Pathling, same cores, warm",
            10,
            ratios("bedside-spark", "pathling", (STOP_SIZE,)),
        ),
        _target("Exponent of cost, 100,000 to 1,000,000, start subtracted", 1.05, growth, at_most=True),
        _target(
            "Peak memory for 10 GB of NDJSON, in GiB",
            2,
            {} if memory is None else {memory["view"]: round(memory["peak_mib"] / 1024, 2)},
            at_most=True,
        ),
    ]


def _target(name: str, bound: float, each: Mapping[str, float], at_most: bool = False) -> dict[str, Any]:
    worst = None if not each else (max if at_most else min)(each.values())
    met = None if worst is None else (worst <= bound if at_most else worst >= bound)
    return {"target": name, "bound": bound, "at_most": at_most, "worst": worst, "met": met, "each": dict(each)}


def _short(number: float) -> float:
    """Four significant digits: no figure here is surer than that."""
    return float(f"{number:.4g}")

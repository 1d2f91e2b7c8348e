"""From measurements to results: medians, rates, the truth, and whether the targets are reached. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.extract.contenders import Contender

Results = dict[str, Any]
Record = Mapping[str, Any]
ROUNDS = 5
STOP_RATE = 15_000
"""A peer slower than this many resources a second is measured on the sample alone."""
BOUND = 0.9
"""Bedside's speed as a part of that of plain downloads: to reach."""
_TRUTH = ("landed", "lost", "twice", "never_served")


def rate(runs: Iterable[Record]) -> float | None:
    """Resources a second: those landed over the median of the rounds' seconds."""
    made = list(runs)
    return statistics.median(r["landed"] for r in made) / _seconds(made) if made else None


def summarise(records: Sequence[Record], facts: Mapping[str, Any], contenders: Sequence[Contender]) -> Results:
    """The results as JSON-ready values, in the order of ``contenders``."""
    runs = [r for r in records if r["kind"] == "run"]
    places = dict.fromkeys((r["data"], r["server"]) for r in runs)
    measured: dict[str, dict[str, dict[str, Any]]] = {}
    for data, server in places:
        here = [r for r in runs if (r["data"], r["server"]) == (data, server)]
        measured.setdefault(data, {})[server] = {
            contender.name: _one(mine)
            for contender in contenders
            if (mine := [r for r in here if r["engine"] == contender.name])
        }
    results: Results = {
        "machine": dict(facts),
        "versions": {r["engine"]: r["versions"] for r in runs},
        "measured": measured,
        "faults": {r["engine"]: _fault(r) for r in records if r["kind"] == "faults"},
        "absent": {r["engine"]: r["why"] for r in records if r["kind"] == "absent"},
        "memory": [_memory(r) for r in records if r["kind"] == "memory"],
    }
    results["targets"] = _targets(results, contenders)
    return results


def _one(runs: Sequence[Record]) -> dict[str, Any]:
    # A round that was measured twice, by two benches at once, counts once.
    runs = list({r["round"]: r for r in runs}.values())
    seconds = _seconds(runs)
    worst = {name: (min if name == "landed" else max)(r[name] for r in runs) for name in _TRUTH}
    one = {
        "rounds": len(runs),
        "seconds": _short(seconds),
        "fastest": _short(min(r["seconds"] for r in runs)),
        "slowest": _short(max(r["seconds"] for r in runs)),
        "resources_per_second": round(statistics.median(r["landed"] for r in runs) / seconds),
        "cpu_seconds": _short(statistics.median(r["cpu_seconds"] for r in runs)),
        "peak_mib": round(max(r["peak_bytes"] for r in runs) / 2**20),
        "served": runs[0]["resources"],
        **worst,
        "failed": sorted({r["failed"] for r in runs if r["failed"]}),
    }
    if "requests" in runs[0]:
        one["requests"] = round(statistics.median(r["requests"] for r in runs))
        one["mb_per_second"] = _short(statistics.median(r["bytes"] for r in runs) / 1e6 / seconds)
    return one


def _fault(record: Record) -> dict[str, Any]:
    return {name: record[name] for name in ("given", *_TRUTH, "failed", "said")} | {
        "seconds": _short(record["seconds"])
    }


def _memory(record: Record) -> dict[str, Any]:
    return {
        "bytes": record["bytes"],
        "pages": record["pages"],
        "landed": record["landed"],
        "seconds": round(record["seconds"], 1),
        "resources_per_second": round(record["landed"] / record["seconds"]),
        "peak_mib": round(record["peak_bytes"] / 2**20),
        "failed": record["failed"],
    }


def _targets(results: Results, contenders: Sequence[Contender]) -> list[dict[str, Any]]:
    limit: dict[str, float] = {}
    ahead: dict[str, float] = {}
    peers = [contender for contender in contenders if contender.kind == "peer"]
    for data, at in results["measured"].items():
        for server, found in at.items():
            ours = found.get("bedside")
            if ours is None:
                continue
            if "plain-downloads" in found:
                limit[f"{data}, {server}"] = _short(found["plain-downloads"]["seconds"] / ours["seconds"])
            theirs = [found[peer.name]["seconds"] for peer in peers if peer.name in found]
            if theirs:
                ahead[f"{data}, {server}"] = _short(min(theirs) / ours["seconds"])
    return [
        _target("Speed beside plain downloads of the same pages", BOUND, limit),
        _target("Times the speed of the fastest peer", 1, ahead),
    ]


def _target(name: str, bound: float, each: Mapping[str, float]) -> dict[str, Any]:
    worst = min(each.values(), default=None)
    return {
        "target": name,
        "bound": bound,
        "worst": worst,
        "met": None if worst is None else worst >= bound,
        "each": dict(each),
    }


def _seconds(runs: Sequence[Record]) -> float:
    return statistics.median(r["seconds"] for r in runs)


def _short(number: float) -> float:
    """Four significant digits: no figure here is surer than that."""
    return float(f"{number:.4g}")

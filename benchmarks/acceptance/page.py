"""``docs/performance-acceptance.md`` from the results. Pure: the same results give the same page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.acceptance.summary import TITLES
from benchmarks.shared.pages import measured_on, targets


def write_page(results: dict[str, Any]) -> str:
    """The whole page."""
    return "\n".join((*_head(results), *targets(results), *_judges(results), *_acceptances(results))) + "\n"


def _head(results: dict[str, Any]) -> Iterator[str]:
    rounds = results["rounds"]
    resources, size = sum(results["resources"].values()), sum(results["bytes"].values())
    yield "# Performance of acceptance"
    yield ""
    yield "Written by `make bench-accept`; do not edit. The figures are in `benchmarks/acceptance/results.json`."
    yield ""
    yield from measured_on(results)
    yield ""
    yield f"The data are the public Synthea sample of the shared folder: {resources:,} resources, {size / 1e6:.0f} MB,"
    yield "all valid. The ways take turns; shown is the median of"
    yield f"{rounds['judges']} rounds of judging and {rounds['acceptances']} of whole acceptances."
    yield ""


def _judges(results: dict[str, Any]) -> Iterator[str]:
    yield "## Judging, one core"
    yield ""
    yield "Resources in a second of processor time, from the bytes of a line to its verdict, in one process on one"
    yield "core. The ratio is that to the quicker way of asking fhir.resources, round by round."
    yield ""
    yield "| Type | Resources | kB each | " + " | ".join(TITLES.values()) + " | Ratio |"
    yield "|---|" + "---:|" * (len(TITLES) + 3)
    counts = {"all": sum(results["resources"].values()), **results["resources"]}
    sizes = {"all": sum(results["bytes"].values()), **results["bytes"]}
    for type_, one in results["judges"].items():
        rates = " | ".join(f"{one['per_second'][way]:,}" for way in TITLES)
        name = "**whole sample**" if type_ == "all" else type_
        size = sizes[type_] / counts[type_] / 1e3
        yield f"| {name} | {counts[type_]:,} | {size:.1f} | {rates} | {one['ratio']:.1f} |"
    yield ""


def _acceptances(results: dict[str, Any]) -> Iterator[str]:
    yield "## Acceptance, whole"
    yield ""
    yield "`flows.acceptance.accept` on the sample as it lands: judged, copied, quarantined, counted, versions"
    yield "superseded, all flushed to disk. Process: from its start, with all imports. Both judges leave the same"
    yield "bytes."
    yield ""
    yield "| Judge | Workers | Seconds | Process | CPU seconds | Rounds |"
    yield "|---|---:|---:|---:|---:|---|"
    for run in results["acceptances"]:
        each = ", ".join(f"{seconds:.2f}" for seconds in run["each"])
        yield (
            f"| {TITLES[run['judge']]} | {run['workers']} | {run['seconds']:.2f} | {run['process_seconds']:.2f} | "
            f"{run['cpu_seconds']:.2f} | {each} |"
        )

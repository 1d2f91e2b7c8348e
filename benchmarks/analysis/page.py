"""``docs/performance-analysis.md`` from the results. Pure: the same results give the same page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.analysis.summary import COMPARE, DERIVE
from benchmarks.shared.pages import measured_on, targets

TITLES = {"bedside": "Bedside", "lifelines": "lifelines alone", "R survival": "R's survival alone"}


def write_page(results: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = (_head, targets, _sizes, _shares, _apart, _peers)
    return "\n".join(line for part in parts for line in part(results)) + "\n"


def _head(results: Mapping[str, Any]) -> Iterator[str]:
    yield "# Performance of derivation and analysis"
    yield ""
    yield "Written by `make bench-analysis`; do not edit. The figures are in `benchmarks/analysis/results.json`."
    yield ""
    yield from measured_on(results)
    yield ""
    yield "The study is GBSG2 (`studies/gbsg2`), its tables copied to the number of subjects wanted and moved a little"
    yield "(`benchmarks/analysis/data.py`), 15 rows a subject, as Parquet. A run derives ADSL, ADRS, ADTTE and the"
    yield "analysis table, writes and reads them, and compares the arms with everything that study asks for: baseline"
    yield "table, Kaplan-Meier with both medians, log-rank, Cox alone, adjusted and for each covariate,"
    yield "proportional-hazards tests and a sensitivity analysis. There is no bootstrap and no Firth in it. Each in a"
    yield "process of its own, in turn; shown are medians, of memory the highest."
    yield ""
    yield "![Seconds by subjects](performance-analysis.svg)"
    yield ""


def _sizes(results: Mapping[str, Any]) -> Iterator[str]:
    yield "## By size"
    yield ""
    yield "| Subjects | Source rows | Derive, s | Write and read, s | Compare, s | All, s | Peak, GiB | Rounds, s |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---|"
    for one in results["sizes"]:
        ours = one["who"]["bedside"]
        steps = ours["steps"]
        rest = sum(seconds for name, seconds in steps.items() if name not in (DERIVE, COMPARE))
        each = ", ".join(f"{seconds:.1f}" for seconds in ours["each"])
        yield (
            f"| {one['subjects']:,} | {one['rows']:,} | {steps[DERIVE]:.1f} | {rest:.1f} | {steps[COMPARE]:.1f} | "
            f"{ours['seconds']:.1f} | {ours['peak_gib']:.2f} | {each} |"
        )
    yield ""
    if results["growth"] is not None:
        yield f"Between the two largest, derivation grows as the subjects to the power of {results['growth']:.2f}."
        yield ""


def _shares(results: Mapping[str, Any]) -> Iterator[str]:
    one = results["sizes"][-1]
    ours = one["who"]["bedside"]
    yield f"## Where the time goes, {one['subjects']:,} subjects"
    yield ""
    yield "| Part | Seconds | Share |"
    yield "|---|---:|---:|"
    parts = {**ours["parts"], "write and read": sum(s for n, s in ours["steps"].items() if n not in (DERIVE, COMPARE))}
    parts["the rest"] = max(0.0, ours["seconds"] - sum(parts.values()))
    for name, seconds in parts.items():
        yield f"| {name} | {seconds:.1f} | {100 * seconds / ours['seconds']:.0f} % |"
    yield ""


def _apart(results: Mapping[str, Any]) -> Iterator[str]:
    if not results.get("apart"):
        return
    yield "## Apart: Firth's models and the bootstrap"
    yield ""
    yield "Of one endpoint, in as many subjects: all Cox models, the same with Firth's beside each, and 200 resamples"
    yield "of the stepwise choice by both ways of removal. One measurement."
    yield ""
    steps = list(results["apart"][0]["steps"])
    yield f"| Subjects | {' | '.join(f'{step}, s' for step in steps)} |"
    yield f"|---:|{'---:|' * len(steps)}"
    for one in results["apart"]:
        shown = " | ".join(f"{one['steps'][step]:.1f}" for step in steps)
        yield f"| {one['subjects']:,} | {shown} |"
    yield ""


def _peers(results: Mapping[str, Any]) -> Iterator[str]:
    yield "## Beside libraries on the same analysis table"
    yield ""
    yield "lifelines and R's survival do only Kaplan-Meier, log-rank, Cox of the treatment alone and adjusted; nothing"
    yield "is derived. Bedside's row is the whole comparison. The hazard ratio of the treatment alone shows that all do"
    yield "the same work."
    yield ""
    yield "| Subjects | Who | Seconds | Peak, GiB | Cox adjusted, s | Hazard ratio |"
    yield "|---:|---|---:|---:|---:|---:|"
    for one in results["sizes"]:
        for name, took in one["who"].items():
            seconds = took["steps"][COMPARE] if name == "bedside" else took["seconds"]
            adjusted = took["steps"].get("Cox, adjusted")
            shown = "" if adjusted is None else f"{adjusted:.2f}"
            yield (
                f"| {one['subjects']:,} | {TITLES[name]} | {seconds:.2f} | {took['peak_gib']:.2f} | {shown} | "
                f"{took['hazard_ratio']:.8f} |"
            )

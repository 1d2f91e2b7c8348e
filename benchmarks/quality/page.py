"""``docs/performance-quality.md`` from the results. Pure: the same results give the same page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.shared.pages import measured_on, targets


def write_page(results: Mapping[str, Any]) -> str:
    """The whole page."""
    return "\n".join(line for part in (_head, targets, _steps, _found) for line in part(results)) + "\n"


def _head(results: Mapping[str, Any]) -> Iterator[str]:
    yield "# Performance of the checks"
    yield ""
    yield "Written by `make bench-quality`; do not edit. The figures are in `benchmarks/quality/results.json`."
    yield ""
    yield from measured_on(results)
    yield ""
    raw, analysis = results["raw_checks"], results["analysis_checks"]
    yield f"{results['rows']:,} rows of the standard views, made by DuckDB (`benchmarks/quality/data.py`), go through"
    yield f"the {raw} raw checks that these tables can be asked; then come the keys of what violates them, the profile,"
    yield f"and {analysis} checks on the analysis tables of {results['subjects']:,} subjects through Great"
    yield "Expectations: those of GBSG2's women, copied (`benchmarks/quality/subjects.py`). That study has no response:"
    yield "its checks are not in it, nor the comparison with earlier runs, which looks at few counts. All in one"
    yield f"process, as in a run; shown are the medians of {len(results['each'])} rounds, of memory the highest."
    yield ""


def _steps(results: Mapping[str, Any]) -> Iterator[str]:
    yield "## Steps"
    yield ""
    yield "Seconds of the processor are those of both cores together; they hang less on what else the machine does."
    yield ""
    yield "| Step | Seconds | Processor | Peak so far, GiB |"
    yield "|---|---:|---:|---:|"
    for name, step in results["steps"].items():
        yield f"| {name} | {step['seconds']:.1f} | {step['cpu_seconds']:.1f} | {step['peak_gib']:.2f} |"
    cpu = sum(step["cpu_seconds"] for step in results["steps"].values())
    each = ", ".join(f"{seconds:.1f}" for seconds in results["each"])
    yield f"| **whole** | {results['seconds']:.1f} | {cpu:.1f} | |"
    yield ""
    yield f"Rounds, s: {each}."
    yield ""


def _found(results: Mapping[str, Any]) -> Iterator[str]:
    yield "## Found"
    yield ""
    yield f"{results['findings']:,} findings (check, table and site), {results['listed']:,} keys of violating"
    yield f"resources, {results['profile']:,} counts of the profile. Violations:"
    yield ""
    yield "| Check | Resources |"
    yield "|---|---:|"
    for check, n in results["violations"].items():
        if n:
            yield f"| `{check}` | {n:,} |"

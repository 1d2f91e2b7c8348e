"""``docs/performance.md`` from the results. Pure: the same results give the same page."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from benchmarks.mapping.contenders import BY_NAME
from benchmarks.mapping.rounds import SMALL, STOP_RATE, STOP_SIZE, TINY
from benchmarks.mapping.summary import QUOTED, ROUNDS
from benchmarks.shared.pages import worst_cases

_WORDS = {
    "keys carry their type (Patient/1)": "keys carry their type (`Patient/1` where ours is `1`)",
    "numbers come as text": "numbers come as text",
    "numbers come wrapped in a dict": "some numbers come wrapped in a dict of its JSON library",
    "decimals come as doubles": "decimals come as doubles",
}


_HOW = f"""\
All engines read the same NDJSON files and give all rows of the same view in the form they naturally keep in memory
(named in the tables). Each runs in a process of its own; after a first query that is not counted, engines take turns
round by round, and the median of at least {ROUNDS} rounds is shown. Only the query is timed, from file to rows. Cold is
the time from starting the process to the first query's rows. Peak memory is the highest resident size of the process
and what it started (Java), so it holds libraries and, on Spark, the heap Java chose to keep. The resources are
synthetic (`benchmarks/mapping/resources.py`), on average:"""


def write_page(results: dict[str, Any]) -> str:
    """The whole page."""
    parts = [_head(results), _targets(results), *(_table(results, view) for view in results["views"]), _others(results)]
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(results: dict[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    java = f", Java for Spark: {machine['java']}" if "java" in machine else ""
    yield "# Performance of the mapping"
    yield ""
    yield "Written by `make bench-mapping`; do not edit. The figures are in `benchmarks/mapping/results.json`."
    yield "How fast resources are fetched is measured in [performance-extract.md](performance-extract.md)."
    yield ""
    yield "![Resources a second of every engine](performance.svg)"
    yield ""
    yield f"Measured on {machine['cores']} cores ({machine['processor']}, {machine['memory_gib']} GiB,"
    yield f"{machine['system']}), Python {machine['python']}{java}."
    yield ""
    yield _HOW
    yield ", ".join(_sizes_in_words(results)) + "."
    yield ""
    few = sorted(
        f"{name} on {view} at {int(size):,} ({one['rounds']})"
        for view, sizes in results["views"].items()
        for size, engines in sizes.items()
        for name, one in engines.items()
        if one["rounds"] < ROUNDS
    )
    if few:
        yield f"**Fewer than {ROUNDS} rounds so far**: {'; '.join(few)}."
        yield ""


def _sizes_in_words(results: dict[str, Any]) -> Iterator[str]:
    for view, sizes in results["views"].items():
        for size, engines in sizes.items():
            if int(size) >= SMALL and engines:
                one = next(iter(engines.values()))
                kilobytes = one["mb_per_second"] * one["seconds"] / int(size) * 1000
                yield f"{_plural(view)} of {kilobytes:.1f} kB"
                break


def _plural(view: str) -> str:
    return "ImagingStudies" if view == "ImagingStudy" else view + "s"


def _targets(results: dict[str, Any]) -> Iterator[str]:
    yield from worst_cases(results, ", ")
    memory = results["memory"]
    if memory:
        yield f"Memory: {memory['bytes'] / 1e9:.1f} GB ({memory['resources']:,} {_plural(memory['view'])}) through"
        yield f"`bedside view run` into Parquet took {memory['seconds']:.0f} s"
        yield f"({memory['resources_per_second']:,} resources/s) and {memory['peak_mib']:,} MiB at its peak."
        yield ""


def _table(results: dict[str, Any], view: str) -> Iterator[str]:
    sizes = [size for size in results["views"][view] if int(size) != TINY]
    at = results["views"][view]
    yield f"## {view}"
    yield ""
    yield (
        "| Engine | "
        + " | ".join(f"{int(size):,}" for size in sizes)
        + " | MB/s | Peak MiB | Cold s | Kept as | Rows |"
    )
    yield "|---|" + "---:|" * (len(sizes) + 3) + "---|---|"
    for name, contender in BY_NAME.items():
        if not any(name in at[size] for size in sizes):
            yield (
                f"| {contender.title} |"
                + " |" * (len(sizes) + 3)
                + f" {contender.keeps} | {_absent(results, view, name)} |"
            )
            continue
        rates = [f"{at[size][name]['resources_per_second']:,}" if name in at[size] else "–" for size in sizes]
        shown = next(size for size in (str(STOP_SIZE), *reversed(sizes)) if name in at.get(size, {}))
        one = at[shown][name]
        cold = at.get(str(STOP_SIZE), {}).get(name, {}).get("cold_seconds") or at.get(str(SMALL), {}).get(name, {}).get(
            "cold_seconds"
        )
        yield (
            f"| {contender.title} | {' | '.join(rates)} | {one['mb_per_second']:,.0f} | {one['peak_mib']:,} | "
            f"{'' if cold is None else f'{cold:.1f}'} | {contender.keeps} | {_verdict(results, view, name)} |"
        )
    yield ""
    yield f"Resources a second by the number of resources. MB/s and peak memory at {STOP_SIZE:,}; cold at"
    yield f"{STOP_SIZE:,} on Spark, at {SMALL:,} elsewhere. A dash: not run."
    yield ""


def _absent(results: dict[str, Any], view: str, name: str) -> str:
    why = next((r["why"] for r in results["not_run"] if (r["engine"], r["view"]) == (name, view)), "not run")
    return f"not run here: {why}" + (f"; seen before, on another machine: {QUOTED[name]}" if name in QUOTED else "")


def _verdict(results: dict[str, Any], view: str, name: str) -> str:
    found = results["rows"].get(view, {}).get(name)
    if found is None:
        return "not compared"
    remarks = "; ".join(_WORDS[remark] for remark in found["remarks"])
    if found["only_ours"] or found["only_theirs"]:
        return (
            f"{found['same']:,} same, {found['only_ours']:,} only ours, {found['only_theirs']:,} only theirs. {remarks}"
        )
    if name == "bedside":
        return "the measure"
    return f"equal, but {remarks}" if remarks else "equal"


def _others(results: dict[str, Any]) -> Iterator[str]:
    yield "## How each was run"
    yield ""
    for contender in BY_NAME.values():
        if not contender.name.endswith("-1-thread"):
            module = import_module(f"benchmarks.mapping.engines.{contender.module}")
            yield f"- {' '.join((module.__doc__ or '').split())}".replace("``", "`")
    yield ""
    yield "## Not run"
    yield ""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in results["not_run"]:
        reasons.setdefault((one["engine"], one["why"]), []).append(f"{one['view']} {one['size']:,}")
    for (engine, why), places in reasons.items():
        yield f"- {BY_NAME[engine].title}: {', '.join(places)} ({why})"
    if reasons:
        yield ""
    yield f"Peers below {STOP_RATE:,} resources/s stop at {STOP_SIZE:,} resources."
    yield ""
    yield "## Versions"
    yield ""
    for engine, versions in results["versions"].items():
        if engine.endswith("-1-thread"):
            continue
        yield f"- {BY_NAME[engine].title}: " + ", ".join(f"{name} {number}" for name, number in versions.items())

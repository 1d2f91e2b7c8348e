"""``docs/performance-extract.md`` from the results. Pure: the same results give the same page."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from benchmarks.extract.contenders import CONTENDERS, Contender
from benchmarks.extract.summary import ROUNDS, STOP_RATE
from benchmarks.shared.pages import worst_cases

SERVERS = {
    "pages": "A server that only sends pages made beforehand",
    "sandbox": "Bedside's sandbox",
    "hapi": "A real server, HAPI JPA",
}
_HOW = f"""\
Everyone fetches the same resources from the same server, whole types in pages of 500, and leaves them on disk. Each run
is a process of its own; contenders take turns round by round and the median is shown, of at least {ROUNDS} rounds where
one takes less than 10 s. Timed is the fetch alone, without the start of Python and without imports. Bedside runs four
searches at once, and so do the plain downloads. Peak memory is that of the whole process and the largest it started;
CPU time is that of the client's processes, not the server's. What was left on disk is then compared with what was
served, by type and id."""
_SERVERS = """\
Three servers, each a process of its own on the same machine. One sends pages made beforehand from memory: it costs next
to nothing, so this is about the client alone. The second is `bedside sandbox`, which answers searches from prepared
pages as a small FHIR server does. The third is a real one, HAPI JPA 8 on H2, with a part of the sample; it keeps what a
search found for a minute, so another contender begins each round."""
_FAULTS = """\
The server of prepared pages gives, once each: 429 and 503 with `Retry-After: 1`, and an HTML page with status 200. One
run each on the sample. A peer that ends without an exception and with fewer resources is in **bold**."""


def write_page(results: dict[str, Any]) -> str:
    """The whole page."""
    parts = [_head(results), _targets(results)]
    parts += [_table(results, data, server) for data, at in results["measured"].items() for server in at]
    parts += [_faults(results), _others(results)]
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(results: dict[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    yield "# Performance of the extraction"
    yield ""
    yield "Written by `make bench-extract`; do not edit. The figures are in `benchmarks/extract/results.json`."
    yield ""
    yield "![Resources a second of every contender](performance-extract.svg)"
    yield ""
    yield f"Measured on {machine['cores']} cores ({machine['processor']}, {machine['memory_gib']} GiB,"
    yield f"{machine['system']}), Python {machine['python']}. The sample is Synthea's: 69 synthetic patients."
    yield ""
    yield _HOW
    yield ""
    yield _SERVERS
    yield ""
    few = [
        f"{contender.title}, {data} on {server} ({one['rounds']})"
        for data, at in results["measured"].items()
        for server, found in at.items()
        for contender in CONTENDERS
        if (one := found.get(contender.name)) and one["rounds"] < ROUNDS
    ]
    if few:
        yield f"Fewer than {ROUNDS} rounds: {'; '.join(few)}."
        yield ""


def _targets(results: dict[str, Any]) -> Iterator[str]:
    yield from worst_cases(results, "; ")
    for memory in results["memory"]:
        yield f"Memory: {memory['bytes'] / 1e9:.1f} GB ({memory['landed']:,} resources in {memory['pages']:,} pages,"
        yield f"made while they are asked for) went through Bedside in {memory['seconds']:.0f} s"
        yield f"({memory['resources_per_second']:,} resources/s) with {memory['peak_mib']:,} MiB at its peak."
        if memory["failed"]:
            yield f"The run failed: {memory['failed']}."
        yield ""


def _table(results: dict[str, Any], data: str, server: str) -> Iterator[str]:
    found = results["measured"][data][server]
    limit = found.get("plain-downloads")
    served = next(iter(found.values()))["served"]
    yield f"## {SERVERS[server]}: {data} ({served:,} resources)"
    yield ""
    counted = any("requests" in one for one in found.values())
    more = " MB/s | Requests |" if counted else ""
    yield f"| | Resources/s | Part of plain | Seconds (fastest, slowest) | CPU s | Peak MiB |{more} Landed |"
    yield "|---|" + "---:|" * (7 if counted else 5) + "---|"
    for contender in CONTENDERS:
        one = found.get(contender.name)
        if one is None:
            continue
        part = f"{limit['seconds'] / one['seconds']:.2f}" if limit else ""
        span = f"{one['seconds']:g} ({one['fastest']:g}, {one['slowest']:g})"
        more = f" {one['mb_per_second']:,.0f} | {one['requests']:,} |" if counted else ""
        yield (
            f"| {contender.title} | {one['resources_per_second']:,} | {part} | {span} | {one['cpu_seconds']:g} | "
            f"{one['peak_mib']:,} |{more} {_landed(one)} |"
        )
    yield ""


def _landed(one: dict[str, Any]) -> str:
    parts = [f"{one['lost']:,} lost"] if one["lost"] else []
    parts += [f"{one['twice']:,} twice"] if one["twice"] else []
    parts += [f"{one['never_served']:,} never served"] if one["never_served"] else []
    return ", ".join(parts) + "".join(f" ({why})" for why in one.get("failed", ())) if parts else "as served"


def _faults(results: dict[str, Any]) -> Iterator[str]:
    if not results["faults"]:
        return
    yield "## With three faults"
    yield ""
    yield _FAULTS
    yield ""
    yield "| | Faults met | Landed | How it ended | Seconds |"
    yield "|---|---:|---|---|---:|"
    for contender in CONTENDERS:
        one = results["faults"].get(contender.name)
        if one is None:
            continue
        landed = _landed({**one, "failed": ()})
        if one["lost"] and not one["failed"]:
            landed = f"**{landed}**"
        yield f"| {contender.title} | {one['given']} | {landed} | {_ended(one)} | {one['seconds']:g} |"
    yield ""


def _ended(one: dict[str, Any]) -> str:
    if one["failed"]:
        return one["failed"].replace("|", "\\|").replace("\n", " ")
    if one["lost"]:
        return "as if all was well; a line in its log" if one["said"] else "as if all was well, without a word"
    return "complete"


def _others(results: dict[str, Any]) -> Iterator[str]:
    yield "## How each was run"
    yield ""
    for contender in CONTENDERS:
        yield f"- {_says(contender)}"
    yield ""
    yield f"Peers below {STOP_RATE:,} resources/s are measured on the sample alone."
    yield ""
    if results["absent"]:
        yield "## Not run"
        yield ""
        for contender in CONTENDERS:
            if contender.name in results["absent"]:
                yield f"- {contender.title}: {results['absent'][contender.name]}"
        yield ""
    yield "## Versions"
    yield ""
    for contender in CONTENDERS:
        versions = results["versions"].get(contender.name)
        if versions:
            yield f"- {contender.title}: " + ", ".join(f"{name} {number}" for name, number in versions.items())


def _says(contender: Contender) -> str:
    """The first paragraph of a contender's module; those of peers' modules import nothing at once but ours."""
    module = import_module(f"benchmarks.extract.clients.{contender.module}")
    return " ".join((module.__doc__ or "").split()).replace("``", "`")

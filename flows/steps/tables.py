"""Map: accepted resources to one Parquet a standard view, with the ledger of each view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.plan import TYPE_OF_TABLE
from expectations.ledger import Ledger, ViewCounts
from flows import ledger_files
from flows.engines import connected
from flows.job import Job
from flows.progress import Progress
from flows.run_folder import RunFolder, private_folder


def map_tables(job: Job, run: RunFolder, progress: Progress) -> None:
    """Write ``tables/<view>.parquet`` over the analysed sites; what views read past is counted.

    ``run.json`` gets ``references_without_key`` (view, site, path, reason, n) and ``modifier_extensions`` (view, site,
    path, url, n): resources that carry one, which may turn into its opposite what the view reads of them.
    """
    from mappings import engine
    from mappings.catalogue import standard_views
    from mappings.compiler import compile_view

    ledger = ledger_files.require_balance(run, "mapping")
    sites = analysed_sites(job, run)
    private_folder(run.tables)
    views = {name: view for name, view in standard_views().items() if _wanted(job, name)}
    found: dict[str, dict[str, ViewCounts]] = {site: {} for site in sites}
    lost: list[dict[str, object]] = []
    modified: list[dict[str, object]] = []
    with connected(job.engine) as con:
        for n, (name, view) in enumerate(views.items()):
            progress("mapping", n, len(views))
            parts = []
            for site in sites:
                compiled = compile_view(view, _bases(job, site))
                files = _files(run.accepted(site), compiled.resource_type)
                part = run.tables / f"{name}.{site}.part"
                with engine.clear_errors(name):
                    _write(con, compiled.relation(con, files), site, part)
                parts.append(part)
                count = compiled.count(con, files)
                found[site][name] = ViewCounts(
                    count.accepted, count.with_rows, count.removed_by_where, count.empty_for_each, _rows(part)
                )
                lost += [
                    {"view": name, "site": site, "path": path, "reason": reason, "n": times}
                    for (path, reason), times in sorted(compiled.reference_losses(con, files).items())
                ]
                modified += [
                    {"view": name, "site": site, "path": path, "url": url, "n": times}
                    for (path, url), times in compiled.modifier_counts(con, files).items()
                ]
            _join(parts, run.tables / f"{name}.parquet")
    progress("mapping", len(views), len(views))
    ledger_files.write(run, replace(ledger, views=found))
    unread = _without_view(replace(ledger, views=found))
    run.update(references_without_key=lost, modifier_extensions=modified, types_without_view=unread)
    rows_in_all = sum(c.rows for by_view in found.values() for c in by_view.values())
    run.step_done("map", {"views": len(views), "rows": rows_in_all})
    ledger_files.require_balance(run, "derivation")


def modified_resources(said: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, int]]:
    """Resources with a modifierExtension, by (element, url), sorted, and site, of what ``run.json`` says by view.

    Views of one resource type read the same resources: each site counts with the view that saw most.
    """
    most: dict[tuple[str, str], dict[str, int]] = {}
    for one in said.get("modifier_extensions", []):
        sites = most.setdefault((one["path"], one["url"]), {})
        sites[one["site"]] = max(sites.get(one["site"], 0), one["n"])
    return dict(sorted(most.items()))


def modifier_lines(said: Mapping[str, Any]) -> list[str]:
    """What a run says of its modifierExtensions, a line each element and url; none, no line."""
    return [
        f"WARNING: {path} has the modifierExtension {url} in {sum(sites.values()):,} resources; "
        "it may turn what they say into its opposite, and the tables do not show it"
        for (path, url), sites in modified_resources(said).items()
    ]


def _without_view(ledger: Ledger) -> dict[str, int]:
    """Accepted resources of types that no standard view reads, by type: kept, and in no table."""
    read = set(TYPE_OF_TABLE.values())
    counts: dict[str, int] = {}
    for site in ledger.views:
        for type_, found in ledger.types[site].items():
            if type_ not in read and found.accepted:
                counts[type_] = counts.get(type_, 0) + found.accepted
    return dict(sorted(counts.items()))


def analysed_sites(job: Job, run: RunFolder) -> list[str]:
    """The sites that go on: those that landed whole, and the others too where the user allows it."""
    known = ledger_files.read(run).types
    short = set() if job.allow_incomplete else set(run.read().get("missing", {}))
    return [site.id for site in job.sites.sites if site.id in known and site.id not in short]


def tables_of(con: Any, run: RunFolder) -> dict[str, Any]:
    """The tables of a run as Ibis tables of a connection, by view name."""
    from mappings import engine

    return {file.stem: engine.of(con).parquet(con, file) for file in sorted(run.tables.glob("*.parquet"))}


def _wanted(job: Job, view: str) -> bool:
    # A comparison gets every view, empty where its types were not asked for; else the types the file names.
    return job.comparison is not None or TYPE_OF_TABLE[view] in {*job.plan(job.sites.sites[0]).types}


def _bases(job: Job, site_id: str) -> tuple[str, ...]:
    return tuple(site.base for site in job.sites.sites if site.id == site_id and site.base)


def _files(folder: Path, type_: str) -> list[str]:
    return [str(file) for file in sorted(folder.glob(f"{type_}.*"))]


def _write(con: Any, rows: Any, site: str, part: Path) -> None:
    import ibis

    from mappings import engine

    whole = rows.select(site=ibis.literal(site), **{column: rows[column] for column in rows.columns})
    engine.of(con).write_parquet(con, whole, part)
    part.chmod(0o600)


def _rows(part: Path) -> int:
    import pyarrow.parquet as parquet

    return int(parquet.read_metadata(part).num_rows)


def _join(parts: list[Path], whole: Path) -> None:
    """One file a view: a single site's is the whole, several are read together."""
    if len(parts) == 1:
        parts[0].replace(whole)
        return
    from mappings import engine

    joined = whole.with_name(whole.name + ".part")
    with connected() as con:
        con.read_parquet([engine.DUCKDB.path(part) for part in parts], hive_partitioning=False).to_parquet(joined)
    joined.chmod(0o600)
    joined.replace(whole)
    for part in parts:
        part.unlink()

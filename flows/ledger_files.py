"""The ledger as a file, and a recount of what the run folder really holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from expectations.ledger import Ledger, Recount, SubjectCounts, TypeCounts, ViewCounts, imbalances
from flows.run_folder import RunFolder, write_json
from mappings.errors import UnusableDataError


def read(run: RunFolder) -> Ledger:
    """The ledger as the run has it; empty before the first step."""
    if not run.ledger.exists():
        return Ledger(types={})
    said = json.loads(run.ledger.read_bytes())
    subjects = said.get("subjects")
    return Ledger(
        types={s: {t: TypeCounts(**c) for t, c in types.items()} for s, types in said["types"].items()},
        views={s: {v: ViewCounts(**c) for v, c in views.items()} for s, views in said.get("views", {}).items()},
        subjects=SubjectCounts(**subjects) if subjects else None,
        analysis=said.get("analysis", {}),
    )


def write(run: RunFolder, ledger: Ledger) -> None:
    """Keep the ledger, whether or not it balances, with every imbalance named."""
    found = imbalances(ledger)
    write_json(run.ledger, {**asdict(ledger), "balanced": not found, "imbalances": list(found)})


def require_balance(run: RunFolder, before: str) -> Ledger:
    """Recount the files and hold them against the ledger; ``UnusableDataError`` if a line is missing."""
    ledger = read(run)
    found = imbalances(ledger, recount(run))
    if found:
        raise UnusableDataError(
            f"the ledger does not balance before {before}; nothing is analysed:\n" + "\n".join(f"  {f}" for f in found)
        )
    return ledger


def from_manifest(manifest: Mapping[str, Any]) -> dict[str, TypeCounts]:
    """The arrival half of the ledger, from a landing manifest."""
    short = {one["type"] for one in manifest.get("missing", ())}
    return {
        type_: TypeCounts(
            received=c["received"],
            landed=c["landed"],
            duplicates=c["duplicates"],
            outcomes=c["outcomes"],
            not_asked=dict(c["not_asked"]),
            server_total=c.get("server_total") if c.get("total_exact") else None,
            distinct=c.get("distinct"),
            incomplete=type_ in short,
        )
        for type_, c in manifest["types"].items()
    }


def recount(run: RunFolder) -> Recount:
    """Count the lines and rows that lie in the run folder now."""
    said = run.read()["steps"]
    return Recount(
        landed=_lines(run.root / "landing"),
        accepted=_lines(run.root / "accepted") if "accept" in said else None,
        quarantined=_lines(run.root / "quarantine") if "accept" in said else None,
        rows=_rows(run.tables) if "map" in said else None,
        subjects=_subjects(run.analysis) if "derive" in said else None,
        analysis=_analysis_rows(run.analysis) if "derive" in said else None,
    )


def _lines(folder: Path) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {}
    for site in sorted(p for p in folder.glob("*") if p.is_dir()):
        types: dict[str, int] = {}
        for file in _resource_files(site):
            type_ = file.name.split(".", 1)[0]
            types[type_] = types.get(type_, 0) + _count_lines(file)
        counted[site.name] = types
    return counted


def _resource_files(site: Path) -> Iterable[Path]:
    # The bulk log and the outcomes of quarantine stand beside the resources and are not resources of the source.
    return (f for f in sorted(site.glob("*.ndjson")) if f.name not in ("log.ndjson", "OperationOutcome.ndjson"))


def _count_lines(file: Path) -> int:
    lines = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            lines += block.count(b"\n")
    return lines


def _parquet(con: Any, file: Path) -> Any:
    # A folder called a=b above the file is no column.
    return con.read_parquet(str(file), hive_partitioning=False)


def _rows(tables: Path) -> dict[str, dict[str, int]]:
    import duckdb

    counted: dict[str, dict[str, int]] = {}
    with duckdb.connect() as con:
        for file in sorted(tables.glob("*.parquet")):
            for site, n in _parquet(con, file).aggregate("site, count(*)").fetchall():
                counted.setdefault(site, {})[file.stem] = n
    return counted


def _analysis_rows(analysis: Path) -> dict[str, int]:
    import pyarrow.parquet as parquet

    files = sorted(analysis.rglob("*.parquet"))
    return {
        file.relative_to(analysis).with_suffix("").as_posix(): int(parquet.read_metadata(file).num_rows)
        for file in files
    }


def _subjects(analysis: Path) -> SubjectCounts | None:
    """None where a table is gone, which the count of its rows says."""
    import duckdb

    if not all((analysis / f"{name}.parquet").exists() for name in ("adsl", "analysis_table")):
        return None
    with duckdb.connect() as con:
        adsl = _parquet(con, analysis / "adsl.parquet")
        reasons = adsl.filter("ANL01FL <> 'Y'").aggregate("EXCLRSN, count(*)").order("EXCLRSN").fetchall()
        (screened,) = adsl.aggregate("count(*)").fetchall()[0]
        (analysed,) = _parquet(con, analysis / "analysis_table.parquet").aggregate("count(*)").fetchall()[0]
    return SubjectCounts(
        screened=screened,
        analysed=analysed,
        excluded={str(reason): n for reason, n in reasons},
    )

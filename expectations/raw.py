"""Violation counts over tables as mapped, in Ibis, so that ten million rows never become a pandas frame.

Each view is read once: a number a resource with a bit a flag, and of each such number how often it is there. The
percentages then go to Great Expectations (``expectations.gx``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from expectations.known_systems import RECOGNISED
from expectations.ledger import TypeCounts
from expectations.model import Finding
from expectations.raw_bits import SEVERAL_VERSIONS, bit_or, packed
from expectations.raw_marks import KEY, joined, more_than_once
from expectations.raw_tables import Judged, RawTables
from expectations.raw_views import VIEWS, checks_of

if TYPE_CHECKING:
    import ibis.expr.types as ir


def landing_findings(types: Mapping[str, Mapping[str, TypeCounts]]) -> list[Finding]:
    """What the ledger's arrival half says, site by site: resources in quarantine, and fewer than the server's total."""
    found = []
    for site, by_type in types.items():
        for type_, c in by_type.items():
            if c.accepted is not None:
                landed = c.landed - c.superseded
                found.append(
                    Finding("resource_parses_as_fhir_r4", type_, landed, (c.quarantined or 0) - c.superseded, site=site)
                )
            # What is named as missing already makes the run incomplete; the user's word decides, not the gate.
            total = 0 if c.incomplete else c.server_total or 0
            short = max(0, total - (c.distinct if c.distinct is not None else total))
            found.append(Finding("total_equals_fetched", type_, total, short, site=site))
    return found


def table_findings(tables: Mapping[str, ir.Table], today: date, systems: frozenset[str] = RECOGNISED) -> list[Finding]:
    """Count the violations of every raw check on every table.

    ``tables`` holds the standard views by name, narrowed to the records a study uses where there is a study;
    ``patient`` must be whole. ``today`` is the day of the extract, ``systems`` the code systems that count as known.
    The denominator is the resources a check can be asked of. Every site with a patient gets every check of every
    table that was mapped, with a denominator of 0 where there is nothing to ask, and with ``error`` where the table
    cannot be read.
    """
    found: list[Finding] = []
    with RawTables(tables, today, systems) as raw:
        sites = raw.sites("patient")
        for name in VIEWS:
            if name in tables:
                found += _counted(name, raw, sites)
    return found


def _counted(name: str, raw: RawTables, sites: tuple[str, ...]) -> list[Finding]:
    """The findings of one view; where its table cannot be read, each of its checks in error, at every site."""
    try:
        with raw.judged(name) as judged:
            return _counts(name, judged, raw, sites)
    except Exception as error:  # an engine's text may hold values: only its kind is told
        said = f"the check could not be computed ({type(error).__name__})"
        return [Finding(check, name, 0, 0, error=said, site=site) for site in sites for check in checks_of(name)]


def _counts(name: str, judged: Judged, raw: RawTables, sites: tuple[str, ...]) -> list[Finding]:
    """The findings of one view, site by site, also of ``sites`` without a row in it."""
    import ibis

    version = ibis.null("string") if VIEWS[name].detail else judged.rows.version
    rows = judged.rows.mutate(version=version, **{KEY: raw.engine.hashed(joined([judged.rows.site, judged.rows.id]))})
    # Most resources have one row and need no grouping; which have several is asked of numbers, not of texts.
    again = raw.kept(more_than_once(rows))
    alone, flags = judged.of(rows.anti_join(again, KEY))
    parts = [alone.select("site", _bits=packed(flags.values()))]
    if raw.any_row(again):
        several, flags = judged.of(rows.semi_join(again, KEY))
        made = several.select("site", "id", "version", _bits=packed(flags.values()))
        whole = made.group_by("site", "id").agg(
            _bits=bit_or(made._bits), _first=made.version.min(), _last=made.version.max()
        )
        versions = (whole._first != whole._last).fill_null(False)
        parts.append(whole.select("site", _bits=ibis.ifelse(versions, whole._bits + SEVERAL_VERSIONS, whole._bits)))
    counts: dict[str, dict[int, int]] = {site: {} for site in sites}
    for part in parts:
        for row in raw.rows(part.group_by("site", "_bits").agg(n=part.count())):
            by_bits = counts.setdefault(row["site"], {})
            by_bits[row["_bits"]] = by_bits.get(row["_bits"], 0) + row["n"]
    checks = {check: (2 * n + 1, flag.well) for n, (check, flag) in enumerate(flags.items())}
    found = []
    for site, by_bits in sorted(counts.items()):
        if not VIEWS[name].detail:
            found.append(Finding("resource_id_unique", name, *_sums(by_bits, None, 0, False), site=site))
        for check, (at, well) in checks.items():
            found.append(Finding(check, name, *_sums(by_bits, at, at + 1, well), site=site))
    return found


def _sums(by_bits: Mapping[int, int], asked: int | None, mark: int, well: bool) -> tuple[int, int]:
    """(asked, violating) resources, of how often each number is there."""
    of = {bits: n for bits, n in by_bits.items() if asked is None or bits >> asked & 1}
    return sum(of.values()), sum(n for bits, n in of.items() if bool(bits >> mark & 1) != well)

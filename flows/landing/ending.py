"""How every extract ends, by search, export or from a folder: files closed, the log's last event, the manifest."""

from __future__ import annotations

from analysis.plan import Plan
from flows.landing.bulk_log import BulkLog
from flows.landing.manifest import Manifest, write_manifest
from flows.landing.unfinished import Unfinished
from flows.sites import Site


def ended(site: Site, plan: Plan, method: str, filters_sha256: str, state: Unfinished, log: BulkLog) -> Manifest:
    """Close the landing of ``state`` and write its manifest, last but for tidying up."""
    intake, found, landing = state.intake, state.found, state.landing
    files = intake.close()
    manifest = Manifest(
        site=site.id,
        method=method,
        scope=plan.scope,
        filters_sha256=filters_sha256,
        plan_sha256=plan.sha256,
        complete=not found.missing,
        patients=len(found.patients) if plan.scope == "cohort" else None,
        missing=tuple(found.missing),
        types=dict(sorted(intake.types.items())),
        files=files,
        outcomes=tuple(intake.outcomes),
        warnings=tuple(found.warnings),
    )
    log.complete(len(files), sum(f.lines for f in files), sum(f.bytes for f in files))
    write_manifest(landing, manifest)
    state.remove()
    return manifest

"""Extract and accept: what a source served, as served, and what of it may be mapped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from expectations.ledger import Ledger, TypeCounts
from flows import ledger_files
from flows.acceptance.counts import TypeCounts as Judged
from flows.job import Job
from flows.landing.extract import cut_off_in_tidying, extract_site
from flows.landing.incremental import Incremental, extract_since
from flows.landing.manifest import Manifest, read_manifest
from flows.landing.supplement import land_supplement
from flows.progress import Progress
from flows.run_folder import RunFolder, private_folder
from flows.sites import Site
from flows.store import Store
from mappings.errors import UnusableDataError


@dataclass(frozen=True)
class Extract:
    """The extract of one site as a call, so that sites can go side by side."""

    job: Job
    run: RunFolder
    progress: Progress

    def __call__(self, site: Site) -> Manifest:
        """Land one site, unless it has landed whole already in this run."""
        folder = self.run.landing(site.id)
        landed = read_manifest(folder) if folder.is_dir() else None
        if landed is not None and landed.complete:
            cut_off_in_tidying(folder)
            return landed
        private_folder(folder)
        plan = self.job.plan(site)
        with reachable(site, self.progress) as asked:
            if self.job.since is not None:
                named = site.base or site.folder or f"sandbox {site.sandbox}"
                store = Store(self.job.store / site.id)
                since = Incremental(asked, plan, store, self.job.since, named, self.progress)
                return extract_since(since, folder, sites=self.job.sites)
            return extract_site(asked, plan, folder, self.progress, sites=self.job.sites)


@contextmanager
def reachable(site: Site, progress: Progress) -> Iterator[Site]:
    """The site as it can be asked. An embedded sandbox is filled with its sample and served while this lasts."""
    if site.sandbox is None:
        yield site
        return
    from flows.sample import write_sample
    from flows.sandbox.server import serve

    with TemporaryDirectory(prefix="bedside-sandbox-") as folder:
        write_sample(site.sandbox, Path(folder), progress=lambda what, done, of: progress(f"sample {what}", done, of))
        with serve(folder) as base:
            yield site.model_copy(update={"sandbox": None, "base": base})


def note_extracts(job: Job, run: RunFolder, refused: Mapping[str, str]) -> None:
    """Add the supplement, and write the arrival half of the ledger and what is missing.

    ``refused`` maps sites not reached to the reason.
    """
    missing = {site: [reason] for site, reason in refused.items()}
    types = {}
    snapshots = {}
    patients = 0
    for site in job.sites.sites:
        manifest = None if site.id in refused else read_manifest(run.landing(site.id))
        if manifest is None:
            continue
        types[site.id] = ledger_files.from_manifest(manifest.as_dict())
        patients += manifest.patients or 0
        if manifest.incremental is not None:
            snapshots[site.id] = manifest.incremental["snapshot_sha256"]
        if not manifest.complete:
            missing[site.id] = [f"{m.type}: {m.what} ({m.reason})" for m in manifest.missing] or ["not complete"]
    types, supplemented = land_supplement(job, run, types)
    ledger_files.write(run, Ledger(types=types))
    run.update(missing=missing, snapshots=snapshots)
    if supplemented is not None:
        run.update(supplement=supplemented.as_dict())
    counts = {type_: c.landed for by_type in types.values() for type_, c in by_type.items()}
    run.step_done("extract", {"landed": sum(counts.values()), "patients": patients})


def accept(job: Job, run: RunFolder, progress: Progress) -> None:
    """Judge what landed; the ledger must balance afterwards."""
    from flows.acceptance import accept as accept_landing
    from flows.acceptance.judges import judge_of

    ledger_files.require_balance(run, "acceptance")
    private_folder(run.root / "landing")
    counts = accept_landing(
        run.root / "landing",
        run.root / "accepted",
        run.root / "quarantine",
        job.workers,
        progress,
        new_judge=judge_of(job.judge),
    )
    ledger = ledger_files.read(run)
    types = {
        site: {
            type_: _judged(found, counts.sites[site].types.get(type_) if site in counts.sites else None)
            for type_, found in by_type.items()
        }
        for site, by_type in ledger.types.items()
    }
    ledger_files.write(run, replace(ledger, types=types))
    reasons: Counter[str] = Counter()
    for site in counts.sites.values():
        for found in site.types.values():
            reasons.update(found.reasons)
    run.update(quarantine_reasons=dict(sorted(reasons.items())), judge=job.judge)
    run.step_done("accept", {"accepted": counts.accepted, "quarantined": counts.quarantined})
    ledger_files.require_balance(run, "mapping")
    if not counts.landed:
        raise UnusableDataError("the cohort is empty: the source has no resource that the study asks for")


def _judged(found: TypeCounts, judged: Judged | None) -> TypeCounts:
    if judged is None:
        return replace(found, accepted=0, quarantined=0)
    return replace(found, accepted=judged.accepted, quarantined=judged.quarantined, superseded=judged.superseded)


def missing(run: RunFolder) -> list[str]:
    """What is missing, one line each, the site first."""
    return [f"{site}: {what}" for site, whats in sorted(run.read().get("missing", {}).items()) for what in whats]


def usable_sites(run: RunFolder) -> list[str]:
    """The sites that landed whole."""
    return sorted(set(ledger_files.read(run).types) - set(run.read().get("missing", {})))

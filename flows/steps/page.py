"""Report: one page from the suppressed results, the quality outcomes and where the numbers come from."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from flows import ledger_files
from flows.job import Job
from flows.landing.supplement import unknown_rows
from flows.progress import Progress
from flows.release import Release, looked, looks, release_of
from flows.run_folder import RunFolder, private_folder, write_bytes
from flows.steps.comparison import read_results
from flows.steps.subjects import read_derived
from flows.steps.tables import analysed_sites, modified_resources
from flows.summary import synthetic_note

FIGURES = "figures.toml"


def report(job: Job, run: RunFolder, progress: Progress) -> None:
    """Write ``report/index.html``, and ``results/published.json`` where the study names published figures."""
    import pandas as pd

    from analysis.report.page import render

    study = job.comparison
    assert study is not None
    progress("writing the report", 0, 1)
    seen = release_of(job, run)
    masked = seen.masked or bool(run.read().get("masked"))
    if seen.locked_study and not masked:
        looked(job, run, "report")
    beside = None if masked else published(job, run)
    if beside is not None:
        text = json.dumps({"note": synthetic_note(study), "figures": beside}, indent=1, ensure_ascii=False)
        write_bytes(run.results / "published.json", f"{text}\n".encode())
    page = render(study, read_results(run), pd.read_parquet(run.checks), provenance(job, run, seen), beside)
    private_folder(run.report.parent)
    write_bytes(run.report, page.encode())
    run.step_done("report")
    progress("writing the report", 1, 1)


def published(job: Job, run: RunFolder) -> list[dict[str, Any]] | None:
    """The published figures beside ours, or None where the study names none."""
    from analysis.expected import compare

    if job.folder.expected is None:
        return None
    mapping = tomllib.loads((job.folder.path / FIGURES).read_text(encoding="utf-8"))
    return compare(job.folder.expected["figures"], mapping, read_results(run))


def provenance(job: Job, run: RunFolder, seen: Release) -> dict[str, Any]:
    """Where the numbers come from. No time and no address: the same data give the same page."""
    said = run.read()
    ledger = ledger_files.read(run)
    sites = analysed_sites(job, run)
    names = {site.id: site.label for site in job.sites.sites}
    missing = [{"site": names[s], "what": what} for s, whats in sorted(said["missing"].items()) for what in whats]
    _, public_key = job.key()
    return {
        **_state(run, seen),
        **({"looks": looks(job)} if seen.locked_study else {}),
        "outcome": "incomplete" if missing else "complete",
        "sites": {"done": len(sites), "total": len(job.sites.sites), "names": [names[site] for site in sites]},
        "versions": said["versions"],
        "hashes": {
            "study": said["study"]["sha256"],
            **{f"view {name}": sha for name, sha in sorted(said["views_sha256"].items())},
            **dict(sorted(said["definition_sha256"].items())),
        },
        "counts": [
            {"site": names[site], "type": type_, "step": step, "n": n}
            for site, types in ledger.types.items()
            for type_, c in sorted(types.items())
            for step, n in (
                ("received", c.received), ("landed", c.landed), ("duplicates", c.duplicates),
                ("not_asked", sum(c.not_asked.values())), ("outcomes", c.outcomes), ("accepted", c.accepted),
                ("quarantined", c.quarantined),
            )
        ],
        "unused": [*read_derived(run).counts.to_dict("records"), *unknown_rows(said.get("supplement"))],
        "missing": missing,
        "modifier_extensions": modifier_extensions(said, names),
        "public_key": public_key,
    }  # fmt: skip


def _state(run: RunFolder, seen: Release) -> dict[str, str]:
    """MASKED or DRAFT with the sentence beside it."""
    if seen.masked:
        return {"state": "MASKED", "state_note": seen.note}
    if run.read().get("masked"):
        return {"state": "MASKED", "state_note": f"{seen.note} after this analysis: bedside analyse compares the arms"}
    return {"state": "DRAFT", **({"state_note": f"nothing is signed yet; {seen.note}"} if seen.note else {})}


def modifier_extensions(said: Mapping[str, Any], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Records path, url, n, sites, of what ``run.json`` says by view and site."""
    return [
        {"path": path, "url": url, "n": sum(sites.values()), "sites": [names[site] for site in names if site in sites]}
        for (path, url), sites in modified_resources(said).items()
    ]

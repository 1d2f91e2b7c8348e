"""Report: one page from the suppressed results, the quality outcomes and where the numbers come from."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows import ledger_files
from flows.job import Job
from flows.landing.supplement import unknown_rows
from flows.progress import Progress
from flows.release import Release, looked, looks, release_of
from flows.run_folder import RunFolder, private_folder, write_bytes
from flows.signatures import NOT_SIGNED, hashes_of, read_signatures, standing, state_of
from flows.steps.comparison import read_results
from flows.steps.subjects import read_counts, read_derived
from flows.steps.tables import analysed_sites, modified_resources
from flows.summary import synthetic_note

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive import Derived
    from analysis.report.sections.residuals import HazardFrames
    from analysis.study.model import Study

FIGURES = "figures.toml"
UNSIGNED: dict[str, Any] = {"state": "DRAFT", "state_note": NOT_SIGNED}


def report(job: Job, run: RunFolder, progress: Progress) -> None:
    """Write ``report/index.html``, and ``results/published.json`` where the study names published figures."""
    progress("writing the report", 0, 1)
    seen = release_of(job, run)
    if seen.locked_study and not _masked(run, seen):
        looked(job, run, "report")
    write_page(job, run)
    run.step_done("report")
    progress("writing the report", 1, 1)


def write_page(job: Job, run: RunFolder) -> None:
    """Write the page and the published figures beside ours, and note in ``run.json`` the page's SHA-256 (``page``) and
    that of the page as DRAFT (``as_draft``), which is what signatures are over."""
    seen = release_of(job, run)
    beside = _published(job, run, seen)
    if beside is not None:
        text = json.dumps({"note": synthetic_note(job.study), "figures": beside}, indent=1, ensure_ascii=False)
        write_bytes(run.results / "published.json", f"{text}\n".encode())
    whence = provenance(job, run)
    draft = _page(job, run, seen, {**whence, **UNSIGNED})
    as_draft = hashlib.sha256(draft).hexdigest()
    state = {**_state(job, run, seen, as_draft), **({"looks": looks(job)} if seen.locked_study else {})}
    page = draft if state == UNSIGNED else _page(job, run, seen, {**whence, **state})
    private_folder(run.report.parent)
    write_bytes(run.report, page)
    study = job.comparison
    assert study is not None
    subjects_page(study, run, {**whence, **state})
    run.update(report_sha256={"page": hashlib.sha256(page).hexdigest(), "as_draft": as_draft})


def page_as_draft(job: Job, run: RunFolder) -> str:
    """SHA-256 of the page as it would be unsigned: without what a signature or another look would change on it."""
    said = {**provenance(job, run), **UNSIGNED}
    return hashlib.sha256(_page(job, run, release_of(job, run), said)).hexdigest()


def _page(job: Job, run: RunFolder, seen: Release, said: Mapping[str, Any]) -> bytes:
    from analysis.report.page import render

    study = job.comparison
    assert study is not None
    return render(study, read_results(run), _checks(run), dict(said), _published(job, run, seen)).encode()


def _checks(run: RunFolder) -> pd.DataFrame:
    """The outcomes for the page. Of what other runs decide only what stops: the same data give the same page."""
    import pandas as pd

    from expectations.catalogue import catalogue

    outcomes = pd.read_parquet(run.checks)
    beside_others = [check.id for check in catalogue() if check.rule.kind == "history"]
    return outcomes[~outcomes["check_id"].isin(beside_others) | outcomes["stops"]]


def _masked(run: RunFolder, seen: Release) -> bool:
    return seen.masked or bool(run.read().get("masked"))


def _published(job: Job, run: RunFolder, seen: Release) -> list[dict[str, Any]] | None:
    return None if _masked(run, seen) else published(job, run)


def subjects_page(study: Study, run: RunFolder, said: Mapping[str, Any]) -> None:
    """Write ``report/on-site.html``, or take away what an earlier pass left where arms are masked now."""
    from analysis.derive.courses import swimmer, waterfall
    from analysis.report.on_site import render_on_site

    derived = read_derived(run)
    sessions = {str(one): int(n) for one, n in derived.adsl.set_index("USUBJID")["N_SESSIONS"].dropna().items()}
    hazards = {} if said.get("state") == "MASKED" else _hazards(study, derived)
    page = render_on_site(study, waterfall(derived), swimmer(derived), sessions, said, hazards)
    if page is None:
        run.on_site.unlink(missing_ok=True)
    else:
        write_bytes(run.on_site, page.encode())


def _hazards(study: Study, derived: Derived) -> dict[str, HazardFrames]:
    """The residuals of treatment for each endpoint, for the page that stays on site."""
    from analysis.report.sections.residuals import HazardFrames
    from analysis.stats.cohort import Cohort
    from analysis.stats.hazard_plots import residuals_of, schoenfeld_rows
    from analysis.stats.hazard_smooth import smooth_rows

    cohort = Cohort(study, derived.analysis_table)
    found = {e.id: residuals_of(cohort, e.id) for e in study.endpoint}
    return {name: HazardFrames(schoenfeld_rows(cohort, one), smooth_rows(cohort, one)) for name, one in found.items()}


def published(job: Job, run: RunFolder) -> list[dict[str, Any]] | None:
    """The published figures beside ours, or None where the study names none."""
    from analysis.expected import compare

    if job.folder.expected is None:
        return None
    mapping = tomllib.loads((job.folder.path / FIGURES).read_text(encoding="utf-8"))
    return compare(job.folder.expected["figures"], mapping, read_results(run))


def provenance(job: Job, run: RunFolder) -> dict[str, Any]:
    """Where the numbers come from. No time and no address: the same data give the same page."""
    said = run.read()
    ledger = ledger_files.read(run)
    held = said.get("held", {})
    sites = [site for site in analysed_sites(job, run) if site not in held]
    names = {site.id: site.label for site in job.sites.sites}
    missing = [{"site": names[s], "what": what} for s, whats in sorted(said["missing"].items()) for what in whats]
    _, public_key = job.key()
    return {
        "outcome": "incomplete" if missing else "held" if held else "complete",
        "held": [names[site] for site in names if site in held],
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
        "unused": [*read_counts(run).to_dict("records"), *unknown_rows(said.get("supplement"))],
        "missing": missing,
        "modifier_extensions": modifier_extensions(said, names),
        "public_key": public_key,
    }  # fmt: skip


def _state(job: Job, run: RunFolder, seen: Release, as_draft: str) -> dict[str, str]:
    """MASKED, DRAFT or SIGNED with the sentence beside it."""
    if seen.masked:
        return {"state": "MASKED", "state_note": seen.note}
    if run.read().get("masked"):
        return {"state": "MASKED", "state_note": f"{seen.note} after this analysis: bedside analyse compares the arms"}
    signed = read_signatures(run)
    name, note = state_of(standing(run, hashes_of(run, job.folder.hashes, as_draft)) if signed else ())
    return {"state": name, "state_note": f"{note}; {seen.note}" if seen.note else note}


def modifier_extensions(said: Mapping[str, Any], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Records path, url, n, sites, of what ``run.json`` says by view and site."""
    return [
        {"path": path, "url": url, "n": sum(sites.values()), "sites": [names[site] for site in names if site in sites]}
        for (path, url), sites in modified_resources(said).items()
    ]

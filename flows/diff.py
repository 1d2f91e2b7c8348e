"""Two runs of a study beside each other: which subjects differ because of which resource version, which figures moved.

With resources it is for the site: it goes back from pseudonyms to patients. Counts may leave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.arrival import references_in
from analysis.changes import KINDS, Change, Kind, Moved, counts, moved, released_counts, subject_changes
from flows import landed
from flows.fingerprints import differences
from flows.job import Job, as_it_lies
from flows.landed import Landed
from flows.landing.manifest import read_manifest
from flows.pseudonyms import patients_by_subject
from flows.release import looked, release_of
from flows.run_folder import RunFolder
from flows.steps.comparison import read_results
from flows.steps.subjects import read_derived
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive import Derived


@dataclass(frozen=True)
class Resource:
    """One resource that is not what it was: its versions in either run (None: not accepted there; "" without one), and
    whether a changed row of the analysis tables names it (``named``)."""

    resource: str
    before: str | None
    after: str | None
    named: bool


@dataclass(frozen=True)
class Subject:
    """One subject that differs: what changed, as (kind, sentence), and because of which resources."""

    usubjid: str
    site: str
    what: tuple[tuple[Kind, str], ...]
    resources: tuple[Resource, ...]


@dataclass(frozen=True)
class Diff:
    """``inputs``: sentences on what else is not the same. ``counts``: subjects by kind, None where suppressed.
    ``subjects`` is empty where counts were asked for."""

    inputs: tuple[str, ...]
    counts: Mapping[Kind, int | None]
    subjects: tuple[Subject, ...]
    figures: tuple[Moved, ...]
    masked: bool


def diff(before: RunFolder, after: RunFolder, only_counts: bool) -> Diff:
    """What differs from one run to another of the same study.

    ``only_counts`` gives subjects as counts, suppressed by the study's ``min_count``, and figures as they left the
    site; else figures are the unsuppressed. While arms may not be compared in one of the runs, none is named.

    Raises:
        DefinitionError: other studies, a run without results, another pseudonym key, or landed data that are gone.
    """
    from analysis.derive.source_rows import competing_codes

    jobs = [_job(run) for run in (before, after)]
    if before.read()["study"]["id"] != after.read()["study"]["id"]:
        raise DefinitionError("these are runs of different studies: there is nothing to compare")
    seen = [release_of(job, run) for job, run in zip(jobs, (before, after), strict=True)]
    masked = any(one.masked or run.read().get("masked") for one, run in zip(seen, (before, after), strict=True))
    old, new = read_derived(before), read_derived(after)
    if len(old.adsl) and len(new.adsl) and not set(old.adsl["USUBJID"]) & set(new.adsl["USUBJID"]):
        raise DefinitionError("no subject is in both runs: they are of other patients, or have other pseudonym keys")
    before_codes, after_codes = (competing_codes(job.comparison) if job.comparison else {} for job in jobs)
    changes = subject_changes(old, new, arms=not masked, competing=(before_codes, after_codes))
    everyone = counts(changes)
    found: Mapping[Kind, int | None] = everyone
    subjects: tuple[Subject, ...] = ()
    if only_counts:
        least = max(job.comparison.disclosure.min_count for job in jobs if job.comparison)
        found = released_counts(everyone, least)
    else:
        subjects = _because(jobs, before, after, old, new, changes)
    figures = tuple(moved(*(_results(run, only_counts, masked) for run in (before, after))))
    if not masked:
        for job, run, one in zip(jobs, (before, after), seen, strict=True):
            if one.locked_study and not (run is after and after.id == before.id):
                looked(job, run, "diff")
    return Diff(tuple(_inputs(before, after)), found, subjects, figures, masked)


def _job(run: RunFolder) -> Job:
    job = as_it_lies(run)
    if job.comparison is None or not run.done("analyse"):
        raise DefinitionError(f"{run.root} has no results to compare; make them with: bedside run")
    return job


def _results(run: RunFolder, only_counts: bool, masked: bool) -> pd.DataFrame:
    import pandas as pd

    from analysis.stats.masking import masked as pooled

    results = read_results(run) if only_counts else pd.read_parquet(run.results / "results.parquet")
    return pooled(results) if masked else results


def _inputs(before: RunFolder, after: RunFolder) -> Iterator[str]:
    old, new = before.read(), after.read()
    if old["study"]["sha256"] != new["study"]["sha256"]:
        files = list(differences(old["definition_sha256"], new["definition_sha256"], "the study's file"))
        yield from files or ["the study's file study.toml has changed"]
    yield from differences(old["sites"], new["sites"], "the sites file's site")
    yield from differences(old["views_sha256"], new["views_sha256"], "the view")
    yield from differences(old["versions"], new["versions"], "the version of")


def _because(
    jobs: list[Job], before: RunFolder, after: RunFolder, old: Derived, new: Derived, changes: list[Change]
) -> tuple[Subject, ...]:
    if not changes:
        return ()
    sides = []
    for job, run, derived in zip(jobs, (before, after), (old, new), strict=True):
        known = patients_by_subject(run, job.key()[0])
        if not set(derived.adsl["USUBJID"]) <= set(known):
            raise DefinitionError(f"the pseudonym key is not the one that {run.root} was made with")
        sides.append((run, known))
    patients = {one.usubjid: next(k[one.usubjid] for _, k in sides if one.usubjid in k) for one in changes}
    lying = [_versions(run, patients.values()) for run, _ in sides]
    subjects = []
    for one in changes:
        resources = _resources(one, *(held.get(patients[one.usubjid], {}) for held in lying))
        subjects.append(Subject(one.usubjid, one.site, tuple(one.what), tuple(resources)))
    return tuple(subjects)


Versions = dict[tuple[str, str], Landed]


def _versions(run: RunFolder, patients: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Versions]:
    """By site and patient the accepted resources about each, and those they refer to, by type and id."""
    by_site: dict[str, set[str]] = {}
    for site, patient in patients:
        by_site.setdefault(site, set()).add(patient)
    found: dict[tuple[str, str], Versions] = {}
    for site, ids in sorted(by_site.items()):
        if not run.landing(site).is_dir() or read_manifest(run.landing(site)) is None:
            continue  # a site that this run did not reach
        refused = landed.quarantined(run, site)
        used: dict[tuple[str, str], set[str]] = {}
        for one in landed.about(run, site, ids):
            if (one.file, one.line) in refused or one.patient is None:
                continue
            found.setdefault((site, one.patient), {})[one.type, one.id] = one
            for key in references_in(one.resource):
                used.setdefault(key, set()).add(one.patient)
        for one in landed.of_keys(run, site, used) if used else ():
            if (one.file, one.line) not in refused:
                for patient in used[one.type, one.id]:
                    found[site, patient].setdefault((one.type, one.id), one)
    return found


def _resources(change: Change, before: Versions, after: Versions) -> list[Resource]:
    from analysis.derive.source_rows import key_of

    named = {key_of(ref) for ref in change.named}
    found = []
    for key in sorted({**before, **after}):
        old, new = before.get(key), after.get(key)
        if (old and old.digest) != (new and new.digest):
            was, now = (None if one is None else one.version for one in (old, new))
            found.append(Resource("/".join(key), was, now, key in named))
    # What a changed row of the tables rests on first.
    return sorted(found, key=lambda one: not one.named)


def as_dict(found: Diff) -> dict[str, Any]:
    """The difference as JSON has it: subjects by what changed, suppressed counts as text."""
    from dataclasses import asdict

    said = asdict(found)
    said["counts"] = {kind: "suppressed" if found.counts[kind] is None else found.counts[kind] for kind in KINDS}
    said["subjects"] = [
        {**one, "what": [{"kind": kind, "text": text} for kind, text in one["what"]]} for one in said["subjects"]
    ]
    return said

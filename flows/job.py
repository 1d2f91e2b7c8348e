"""What a command is about to do: a study, the sites its data come from, where runs are kept, and how to go about it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.plan import Plan, Scope, plan
from analysis.study.model import PopulationStudy, Study
from flows import study_folder
from flows.acceptance.judges import JudgeName
from flows.data_origin import origin_sha256
from flows.engines import DUCKDB, EngineChoice, choose
from flows.landing.instants import read_since
from flows.run_folder import RunFolder
from flows.sites import Site, Sites, load_sites, sites_for_source
from flows.study_folder import StudyFolder
from mappings.errors import DefinitionError, SourceError

if TYPE_CHECKING:
    from analysis.derive import SiteRules
    from expectations.catalogue import Asked

SITES_FILE = "sites.toml"
STORE = "store"
# Said in the README and printed with every run that uses it: pseudonyms of synthetic subjects protect nobody.
PUBLIC_KEY = b"bedside: synthetic data, public key"
_PACKAGES = (
    "bedside", "duckdb", "fhir.resources", "great_expectations", "ibis-framework", "lifelines", "pandas", "prefect",
    "requests", "scipy", "statsmodels",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One study against its sites."""

    folder: StudyFolder
    sites: Sites
    runs: Path
    called: Mapping[str, str | None]
    allow_incomplete: bool = False
    fresh: bool = False
    workers: int = 1
    engine: EngineChoice = DUCKDB
    # Both judges say the same of every resource: a run may be gone on with under either.
    judge: JudgeName = "fast"
    since: str | None = None

    @property
    def store(self) -> Path:
        """Where what is kept of the study between runs lies: beside the folder of runs."""
        return self.runs.parent / STORE / self.study.study.id

    @property
    def study(self) -> Study | PopulationStudy:
        return self.folder.study

    @property
    def comparison(self) -> Study | None:
        """The study if it compares treatments, None if it only extracts, maps and checks."""
        return self.study if isinstance(self.study, Study) else None

    def plan(self, site: Site) -> Plan:
        """What to ask this site for."""
        scope: Scope = "population" if isinstance(self.study, PopulationStudy) else site.scope
        return plan(self.study, self.folder.codes, self.folder.tokens, scope)

    def asked_checks(self) -> Asked:
        """The catalogue of checks as the study and its sites change it.

        Raises:
            DefinitionError: they name a check that does not exist.
        """
        from expectations.catalogue import asked_of

        return asked_of(self.study, {site.id: site.check_rules for site in self.sites.sites})

    def newest_within(self) -> dict[tuple[str, str], int]:
        """The days that the newest record may be old, by site and table, where site or study say so."""
        of_study = self.study.checks.newest_within_days
        return {
            (site.id, table): days
            for site in self.sites.sites
            for table, days in {**of_study, **site.checks.newest_within_days}.items()
        }

    def site_rules(self) -> dict[str, SiteRules]:
        """What the derivation must know of each site."""
        from analysis.derive import SiteRules

        return {site.id: SiteRules(site.deaths.complete_to, site.timezone) for site in self.sites.sites}

    def facts(self) -> dict[str, Any]:
        """What ``run.json`` records of the inputs. ``inputs_sha256`` decides whether a run can be gone on with."""
        from mappings.catalogue import view_bytes, view_names

        said = {
            "study": {"id": self.study.study.id, "sha256": self.folder.sha256},
            "sites": {site.id: _fingerprint(site) for site in self.sites.sites},
            "filters_sha256": {site.id: self.plan(site).sha256 for site in self.sites.sites},
            "views_sha256": {name: hashlib.sha256(view_bytes(name)).hexdigest() for name in view_names()},
            # It decides which sites are analysed, so a run keeps to it from the first step to the last.
            "allow_incomplete": self.allow_incomplete,
            "engine": self.engine.name,
            "since": self.since,
        }
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        definition = {name: sha for name, sha in self.folder.hashes.items() if name != study_folder.STUDY_FILE}
        return {
            **said,
            # No part of the inputs: what a run is compared with is a question of where its records come from.
            "sources_sha256": {site.id: origin_sha256(self.sites, site) for site in self.sites.sites},
            "called": dict(self.called),
            "definition_sha256": definition,
            "versions": versions(self.engine),
            "inputs_sha256": digest,
        }

    def key(self) -> tuple[bytes, bool]:
        """The pseudonym key, and whether it is the public one (synthetic data only).

        Raises:
            DefinitionError: real data without a key, or none is kept where the sites file says.
        """
        secret = self.sites.pseudonym_key
        if secret is not None:
            try:
                return secret.resolve(self.sites.folder).encode(), False
            except SourceError as error:
                raise DefinitionError(f"deidentify.pseudonym_key: {error}") from error
        if self.study.study.data == "real":
            raise DefinitionError(
                "real data need a key for the pseudonyms: set deidentify.pseudonym_key in the sites file, "
                'for instance "env:BEDSIDE_PSEUDONYM_KEY"'
            )
        return PUBLIC_KEY, True


def again(run: RunFolder) -> Job:
    """The job of a run that is already there, for its later steps.

    Raises:
        DefinitionError: study or sites have changed since: the run's figures would not be theirs.
    """
    job = as_it_lies(run)
    job.key()
    if job.facts()["inputs_sha256"] != run.read()["inputs_sha256"]:
        raise DefinitionError(
            "the study or its sites have changed since this run was made; start anew with: bedside run"
        )
    return job


def as_it_lies(run: RunFolder) -> Job:
    """The study and sites of a run as they lie there now, changed or not; a pseudonym key is not asked for.

    Raises:
        DefinitionError: a file is no longer there, or is wrong.
    """
    said = run.read()
    called = said["called"]
    return _job(
        Path(called["study"]),
        Path(called["sites"]) if called["sites"] else None,
        called["source"],
        run.root.parent.parent,
        allow_incomplete=said["allow_incomplete"],
        engine=choose(said["engine"], called["master"]),
        since=said.get("since"),
    )


def _sites(file: Path) -> Sites:
    if not file.is_file():
        raise DefinitionError(f"there is no sites file at {file}; give one with --sites, or a source with --source")
    return load_sites(file.read_text(encoding="utf-8"), file.name, file.parent)


def _fingerprint(site: Site) -> str:
    # What a site says of checks changes no data: they can be judged anew on a run that is there.
    return hashlib.sha256(site.model_dump_json(exclude={"checks", "max_fall_percent"}).encode()).hexdigest()


def versions(engine: EngineChoice = DUCKDB) -> dict[str, str]:
    """The versions of the packages a figure may depend on."""
    return {name: version(name) for name in (*_PACKAGES, *(["pyspark"] if engine.name == "spark" else []))}


def prepare(
    study: Path,
    sites: Path | None = None,
    source: str | None = None,
    runs: Path = Path("runs"),
    *,
    allow_incomplete: bool = False,
    fresh: bool = False,
    engine: EngineChoice = DUCKDB,
    judge: JudgeName = "fast",
    since: str | None = None,
) -> Job:
    """Read the study folder and the sites, and check that they fit.

    ``source`` (an address or a folder) stands for a sites file; with neither, the study folder's ``sites.toml``.
    ``since`` (``auto`` or an instant) keeps a snapshot of each site in `Job.store` and asks for what changed.

    Raises:
        DefinitionError: a file or ``since`` is wrong, or both ``sites`` and ``source`` are given.
    """
    job = _job(
        study, sites, source, runs, allow_incomplete=allow_incomplete, fresh=fresh, engine=engine, judge=judge,
        since=since,
    )  # fmt: skip
    job.key()
    _gate_file_fits(job)
    return job


def _gate_file_fits(job: Job) -> None:
    """Read what is overridden now, so that a slip in it does not end a night after its extract."""
    from flows.gate_file import read_gate_file

    # A source that stands in for the sites file has other sites than those the file speaks of.
    sites = None if job.called["source"] else tuple(site.id for site in job.sites.sites)
    read_gate_file(job.folder.path, job.asked_checks().names, sites, datetime.now(UTC).date())


def _job(
    study: Path,
    sites: Path | None,
    source: str | None,
    runs: Path,
    *,
    allow_incomplete: bool,
    engine: EngineChoice,
    fresh: bool = False,
    judge: JudgeName = "fast",
    since: str | None,
) -> Job:
    since = read_since(since)
    folder = study_folder.read(study)
    if sites is not None and source is not None:
        raise DefinitionError("give either --sites or --source, not both")
    if source is not None:
        own = folder.path / SITES_FILE
        found = sites_for_source(source, _sites(own) if own.is_file() else None)
    else:
        found = _sites(sites or folder.path / SITES_FILE)
    called = {
        "study": str(folder.path.resolve()),
        "sites": None if sites is None else str(sites.resolve()),
        "source": source if source is None or "://" in source else str(Path(source).expanduser().resolve()),
        "master": engine.master,
    }
    return Job(folder, found, runs, called, allow_incomplete, fresh, os.cpu_count() or 1, engine, judge, since)

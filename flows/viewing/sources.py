"""What a view reads from: a file, a folder or a FHIR server, as files an engine can read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.acceptance.counts import TypeCounts
from flows.landing.folder import SourceFile, files_of
from flows.landing.manifest import Manifest
from flows.progress import Progress
from flows.sites import Site, Sites, load_sites, sites_for_source
from flows.viewing.files import Spool, engine_paths, one_file, sorted_out
from mappings.errors import DefinitionError, IncompleteError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SITE = "view"


@dataclass(frozen=True)
class Source:
    """Where the resources come from, as a user says it. ``bases`` are addresses that count as the source's own."""

    named: str
    sites: Path | None = None
    bases: tuple[str, ...] = ()


@dataclass
class Inputs:
    """Files that hold the resources of ``type``: ``direct`` as the user's files of lines, ``written`` by us.

    ``others`` counts resources of other types that were met while writing, ``not_fhir`` names files that hold other
    JSON; ``judged`` is what acceptance said,
    ``landed`` what a server gave.
    """

    type: str
    scratch: Path
    direct: list[SourceFile] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    bases: tuple[str, ...] = ()
    others: Counter[str] = field(default_factory=Counter)
    not_fhir: list[str] = field(default_factory=list)
    judged: TypeCounts | None = None
    landed: Manifest | None = None

    def paths(self) -> list[str]:
        """All of them, for an engine."""
        theirs = [(file.label, file.path) for file in self.direct]
        return engine_paths([*theirs, *((path.name, path) for path in self.written)], self.scratch / "links")

    def split(self, progress: Progress) -> None:
        """Take the resources of the type out of the user's files of lines, where the engine cannot read these as they
        are: other types' resources may have another shape, and Bundles may stand between them."""
        self.spool(self.direct, [], progress)
        self.direct = []

    def spool(
        self, lines: Sequence[SourceFile], documents: Sequence[SourceFile], progress: Progress, *, lenient: bool = False
    ) -> None:
        """Write the resources of files anew as lines of one type."""
        if not lines and not documents:
            return
        spool = Spool(self.scratch / f"spool-{len(list(self.scratch.iterdir()))}", self.type, lenient)
        total = len(lines) + len(documents)
        for done, file in enumerate((*lines, *documents)):
            progress("reading files", done, total)
            spool.lines(file) if done < len(lines) else spool.documents(file)
        progress("reading files", total, total)
        self.written += spool.close()
        self.others += spool.others
        self.not_fhir += dict.fromkeys(spool.not_fhir)


def gather(source: Source, type_: str, scratch: Path, exact: bool, progress: Progress) -> Inputs:
    """The files of a source that a view of one type reads. ``exact`` accepts its resources first.

    Raises:
        DefinitionError: source and sites do not fit together.
        SourceError: there is no such file or folder, or the server cannot be reached.
        IncompleteError: the server did not give everything.
        UnusableDataError: a file cannot be read to its end, or holds something that is no resource.
    """
    inputs = Inputs(type_, scratch, bases=source.bases)
    if _ADDRESS.match(source.named):
        _from_server(source, inputs, exact, progress)
        return inputs
    if source.sites is not None:
        raise DefinitionError("--sites is for a server's address; a folder or file needs none")
    path = Path(source.named).expanduser()
    files = files_of(path) if path.is_dir() else (one_file(path),)
    lines, documents = sorted_out(files, type_)
    if not exact:
        inputs.direct = lines
        inputs.spool((), documents, progress)
        return inputs
    inputs.spool(lines, documents, progress, lenient=True)
    if inputs.written:
        inputs.written, inputs.judged = _accepted(inputs.written[0].parent, type_, scratch, progress)
    else:
        inputs.judged = TypeCounts()
    return inputs


def _from_server(source: Source, inputs: Inputs, exact: bool, progress: Progress) -> None:
    from analysis.arrival import Arrival
    from analysis.plan import Plan, Search
    from flows.landing.extract import extract_site

    site, sites = _site_of(source)
    search = Search("population", inputs.type, (), "", Arrival(inputs.type), "what the view reads")
    landing = inputs.scratch / "landing"
    manifest = extract_site(site, Plan(_SITE, "population", (search,)), landing, progress, sites=sites)
    if not manifest.complete:
        missing = "".join(f"\n  {one.type}: {one.what} ({one.reason})" for one in manifest.missing)
        raise IncompleteError(f"the server did not give everything, so nothing is written; missing:{missing}")
    assert site.base is not None
    inputs.landed = manifest
    inputs.bases = (site.base, *inputs.bases)
    inputs.written = [landing / file.name for file in manifest.files if file.type == inputs.type]
    if exact:
        inputs.written, inputs.judged = _accepted(landing, inputs.type, inputs.scratch, progress)


def _site_of(source: Source) -> tuple[Site, Sites]:
    """The server as a site: of the sites file if there is one, for its credential and manners."""
    if source.sites is None:
        sites = sites_for_source(source.named)
        return sites.sites[0], sites
    if not source.sites.is_file():
        raise DefinitionError(f"there is no sites file at {source.sites}")
    sites = load_sites(source.sites.read_text(encoding="utf-8"), source.sites.name, source.sites.parent)
    for site in sites.sites:
        if site.base is not None and site.base == source.named.rstrip("/"):
            return site, sites
    known = ", ".join(site.base for site in sites.sites if site.base is not None)
    raise DefinitionError(f"{source.sites.name} has no site with the base {source.named}; it has {known or 'none'}")


def _accepted(landing: Path, type_: str, scratch: Path, progress: Progress) -> tuple[list[Path], TypeCounts]:
    import os

    from flows.acceptance import accept_site

    accepted = scratch / "accepted"
    counts = accept_site(_SITE, landing, accepted, scratch / "quarantine", os.cpu_count() or 1, progress)
    return sorted(accepted.glob(f"{type_}.*")), counts.types.get(type_, TypeCounts())

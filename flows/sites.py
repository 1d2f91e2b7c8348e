"""Where the data come from: the sites file, checked, as frozen types (``docs/sites-file.md``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from analysis.study.faults import check, problem_at
from analysis.study.own_checks import Percent, SiteCheckRules
from analysis.study.toml_lines import Path as Place
from analysis.study.toml_lines import parse
from flows.secret_places import Secret, SecretPlace
from flows.site_credentials import Auth, Frozen, NoAuth, TlsFiles, address
from flows.site_incremental import IncrementalSettings
from flows.site_searches import Searching
from mappings.elements import is_resource
from mappings.errors import DefinitionError, Problem

# Part of the language, and not built yet: refused, because ignoring them would be a promise broken in silence.
_LATER = {
    "exclude": "leaving out test patients and those who object",
    "retain_days": "deleting by age",
    "code_maps": "translating local codes",
    "supplement": "adding what chart review holds by site; a study file has [supplement]",
    "owner": "data owners and approvals that expire",
    "limits.hours": "hours of the day",
    "deidentify.narrative": "dropping narrative",
    "deidentify.birth_date": "coarsening birth dates",
    "deidentify.shift_days": "shifting dates",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_POLITE = 5.0
SOURCE_ID = "source"
_FALL = "records_drop_over_5_percent"


def _origin(value: str) -> str:
    address(value)
    if urlsplit(value).path not in ("", "/"):
        raise ValueError("an origin ends after the host and port, for instance https://files.example.org")
    return value.rstrip("/")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("must be a time zone's name, for instance Europe/Berlin") from None
    return value


def _id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", value):
        raise ValueError("must be a resource's id: at most 64 letters, digits, hyphens and dots")
    return value


def _type(value: str) -> str:
    if not is_resource(value):
        raise ValueError("must be a resource type of R4, for instance Medication")
    return value


class OtherOrigin(Frozen):
    """Another server that links may lead to. The credential goes there only ``with_token``.

    ``is_base``: no other server, but a wrong name of this one (an internal host, a wrong port) that its links hold.
    """

    origin: Annotated[str, AfterValidator(_origin)]
    with_token: bool = False
    is_base: bool = False

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.with_token and self.is_base:
            raise ValueError("with_token: an origin that is the base is not asked itself")
        return self


def _named(value: object) -> object:
    return {"origin": value} if isinstance(value, str) else value


class Limits(Frozen):
    """Manners towards the server; ``requests_per_second`` left out means 5, and no limit on this machine."""

    requests_per_second: float | None = Field(None, gt=0)
    parallel: int = Field(2, ge=1, le=32)
    retry_after_max_s: int = Field(600, ge=0)


class Bulk(Frozen):
    """How a bulk export is asked for. ``level`` left out: the group's where the site names one, else the system's.

    ``type_filter`` sends the plan's searches along. ``with_types`` are types outside the patient compartment that this
    server exports with patients or a group all the same. ``hours`` is the longest an export may take.
    """

    level: Literal["system", "patient"] | None = None
    type_filter: bool = True
    with_types: tuple[Annotated[str, AfterValidator(_type)], ...] = ()
    hours: float = Field(24, gt=0, le=24 * 60)


class Deaths(Frozen):
    """How deaths are known: from the record as it happens to say, or from a register, complete to a date."""

    source: Literal["record", "register"] = "record"
    complete_to: date | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.source == "register" and self.complete_to is None:
            raise ValueError("a register needs complete_to, the day up to which it holds all deaths")
        if self.source == "record" and self.complete_to is not None:
            raise ValueError('deaths from the record are never complete: say source = "register" or drop complete_to')
        return self


class Deidentify(Frozen):
    """``pseudonym_key``: what subjects' ids are hashed with. Real data without one are refused."""

    pseudonym_key: SecretPlace | None = None


class _Shared(Frozen):
    """What may stand in [defaults] and in a site."""

    fhir_version: Literal["4.0.1"] = "4.0.1"
    method: Literal["search", "folder", "bulk"] | None = None
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    auth: Auth = NoAuth()
    tls: TlsFiles | None = None
    other_origins: tuple[Annotated[OtherOrigin, BeforeValidator(_named)], ...] = ()
    limits: Limits = Limits()
    deaths: Deaths = Deaths()
    deidentify: Deidentify = Deidentify()
    scope: Literal["cohort", "population"] = "cohort"
    page_size: int | None = Field(None, ge=1, le=10000)
    search: Searching = Searching()
    incremental: IncrementalSettings = IncrementalSettings()
    bulk: Bulk = Bulk()
    checks: SiteCheckRules = SiteCheckRules()
    max_fall_percent: Percent | None = None


class Site(_Shared):
    """One source. Exactly one of ``base`` (a FHIR server), ``folder`` (NDJSON or Bundles) and ``sandbox`` (a study's
    sample by name, served by the embedded sandbox) is given."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    name: str = ""
    base: Annotated[str, AfterValidator(address)] | None = None
    folder: str | None = Field(None, min_length=1)
    sandbox: str | None = Field(None, min_length=1)
    group: Annotated[str, AfterValidator(_id)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("base", "folder", "sandbox") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("say exactly one of base, folder and sandbox")
        methods = ("search", "bulk") if self.folder is None else ("folder",)
        if self.method not in (None, *methods):
            words = " or ".join(f'"{method}"' for method in methods)
            raise ValueError(f"method: must be {words} for a {given[0]}")
        if self.group is not None and self.method != "bulk":
            raise ValueError('group: only with method = "bulk"')
        if self.incremental.deletions == "export" and self.method != "bulk":
            raise ValueError('incremental: deletions = "export" only with method = "bulk"')
        if self.method == "bulk" and self.search.cohort is not None:
            raise ValueError('search: a bulk export takes no list of patients: name a group instead of "cohort"')
        if self.group is not None and self.bulk.level is not None:
            raise ValueError("group: a group has its own level, take bulk.level out")
        if self.folder is not None and self.auth.kind != "none":
            raise ValueError("auth: a folder takes none")
        if self.tls is not None and (self.base is None or urlsplit(self.base).scheme != "https"):
            raise ValueError("tls: only an https base takes it")
        if self.max_fall_percent is not None and _FALL in self.checks.thresholds:
            raise ValueError(f"max_fall_percent: checks.thresholds.{_FALL} says the same: take one out")
        return self

    @property
    def label(self) -> str:
        """What people read: the name, or the id."""
        return self.name or self.id

    @property
    def requests_per_second(self) -> float | None:
        """The limit as it applies: as given, else 5, and none for a folder or a server on this machine."""
        if self.limits.requests_per_second is not None:
            return self.limits.requests_per_second
        near = self.base is None or urlsplit(self.base).hostname in _LOOPBACK
        return None if near else _POLITE

    @property
    def check_rules(self) -> SiteCheckRules:
        """What this site says of checks, ``max_fall_percent`` as the threshold it is."""
        if self.max_fall_percent is None:
            return self.checks
        return self.checks.model_copy(update={"thresholds": {**self.checks.thresholds, _FALL: self.max_fall_percent}})

    @property
    def origins(self) -> dict[str, bool]:
        """The other origins that may be asked; True: with the credential."""
        return {other.origin: other.with_token for other in self.other_origins if not other.is_base}

    @property
    def wrong_names(self) -> tuple[str, ...]:
        """The origins that links name where the base is meant."""
        return tuple(other.origin for other in self.other_origins if other.is_base)


@dataclass(frozen=True)
class Sites:
    """The sites of a run, in the order of the file. ``folder`` is what relative paths in it start from."""

    sites: tuple[Site, ...]
    file: str = ""
    folder: Path | None = None

    @property
    def pseudonym_key(self) -> Secret | None:
        """Where the key of the study's pseudonyms is kept: the same for every site, or None."""
        return self.sites[0].deidentify.pseudonym_key

    def folder_of(self, site: Site) -> Path:
        """The folder a site's data lie in."""
        assert site.folder is not None
        return self.place_of(site.folder)

    def place_of(self, name: str) -> Path:
        """A file or folder that the sites file names; relative ones are looked for from its own folder."""
        path = Path(name).expanduser()
        return path if self.folder is None else self.folder / path


class _DefaultsFile(Frozen):
    defaults: _Shared = _Shared()
    site: Any = None


class _SitesFile(Frozen):
    site: tuple[Site, ...] = Field(min_length=1)


def load_sites(text: str, file: str = "sites.toml", folder: Path | None = None) -> Sites:
    """Check a sites file. ``file`` is its name for messages, ``folder`` what relative paths in it start from.

    Raises:
        DefinitionError: with every fault, each with file, line and field; never with a value that may be a secret.
    """
    document, lines = parse(text, file)
    problems = _later(document, lines, file)
    _, fixed, lines, found = check(_DefaultsFile, document, lines, file)
    problems += found
    merged, lines = _merged(fixed, lines, {problem.field for problem in found})
    made, _, lines, found = check(_SitesFile, merged, lines, file)
    problems += found
    if made is not None:
        problems += _across(made.site, lines, file)
    if problems or made is None:
        count = len(problems)
        ordered = tuple(dict.fromkeys(sorted(problems, key=lambda p: (p.line or 0, p.field))))
        raise DefinitionError(f"{file} has {'one fault' if count == 1 else f'{count} faults'}:", ordered)
    return Sites(made.site, file, folder)


def sites_for_source(source: str, like: Sites | None = None) -> Sites:
    """The one site of ``--source``: a base address or a folder, without credential.

    ``like`` (the study's own sites file) lends id, time zone, deaths and pseudonym key where it has a single site, so
    that the same data give the same tables from wherever they are read. Otherwise the id is ``source``.

    Raises:
        DefinitionError: an address that is not usable.
    """
    is_url = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source) is not None
    given: dict[str, Any] = {"id": SOURCE_ID, "base" if is_url else "folder": source}
    if like is not None and len(like.sites) == 1:
        one = like.sites[0]
        given |= {"id": one.id, "timezone": one.timezone, "deaths": one.deaths, "deidentify": one.deidentify}
    made, _, _, problems = check(_SitesFile, {"site": [given]}, {}, "")
    if made is None:
        raise DefinitionError(f"--source cannot be used: {'; '.join(problem.message for problem in problems)}")
    # A relative key file belongs to the study's sites file; a relative data folder to where the command runs.
    if made.site[0].folder is not None:
        made = _SitesFile(site=(made.site[0].model_copy(update={"folder": str(Path(source).expanduser().absolute())}),))
    return Sites(made.site, "", like.folder if like is not None else None)


def _later(document: dict[str, Any], lines: Mapping[Place, int], file: str) -> list[Problem]:
    """Keys of the language that are not built yet; they are taken out of the document."""
    problems = []
    sites = document.get("site")
    tables: list[tuple[Place, Any]] = [(("defaults",), document.get("defaults"))]
    tables += [(("site", n), site) for n, site in enumerate(sites)] if isinstance(sites, list) else []
    for path, table in tables:
        for key, what in _LATER.items():
            first, _, second = key.partition(".")
            inner = table.get(first) if second and isinstance(table, dict) else table
            name = second or first
            if isinstance(inner, dict) and name in inner:
                del inner[name]
                where = (*path, first, second) if second else (*path, first)
                problems.append(problem_at(lines, file, where, f"not supported yet ({what}): take it out"))
    return problems


def _merged(
    document: Mapping[str, Any], lines: Mapping[Place, int], faulty: set[str]
) -> tuple[dict[str, Any], dict[Place, int]]:
    """The document with [defaults] under each site; a table given in both is merged key by key.

    ``auth``, ``tls`` and ``deaths`` are taken whole from one place: half a credential is none.
    """
    defaults = document.get("defaults")
    usable = {
        key: value
        for key, value in (defaults.items() if isinstance(defaults, Mapping) else ())
        if not any(re.match(rf"defaults\.{re.escape(key)}(?:[.\[]|$)", field) for field in faulty)
    }
    sites = document.get("site")
    lines = dict(lines)
    if not isinstance(sites, list):
        return {key: value for key, value in document.items() if key != "defaults"}, lines
    out = []
    for n, site in enumerate(sites):
        if not isinstance(site, Mapping):
            out.append(site)
            continue
        merged = {**usable, **site}
        for key in ("limits", "deidentify", "search", "bulk", "incremental", "checks"):
            if isinstance(usable.get(key), Mapping) and isinstance(site.get(key), Mapping):
                merged[key] = {**usable[key], **site[key]}
        for path in [p for p in lines if len(p) > 1 and p[0] == "defaults" and p[1] in usable]:
            lines.setdefault(("site", n, *path[1:]), lines[path])
        out.append(merged)
    return {"site": out}, lines


def _across(sites: tuple[Site, ...], lines: Mapping[Place, int], file: str) -> list[Problem]:
    """Faults between sites: an id twice, and keys that would give one person two pseudonyms."""
    problems = []
    seen: set[str] = set()
    first = sites[0].deidentify.pseudonym_key
    for n, site in enumerate(sites):
        if site.id in seen:
            problems.append(problem_at(lines, file, ("site", n, "id"), f"{site.id!r} is used twice"))
        seen.add(site.id)
        key = site.deidentify.pseudonym_key
        if (key is None) != (first is None) or (key is not None and first is not None and not key.same_place(first)):
            message = "all sites of a study share one pseudonym_key: put it into [defaults]"
            problems.append(problem_at(lines, file, ("site", n, "deidentify", "pseudonym_key"), message))
    return problems

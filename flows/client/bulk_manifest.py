"""The manifest of a finished export, read from what servers really write (Bulk Data Access IG, STU 2 and its drafts).

``output`` may be absent; a draft says ``outcome`` for ``error``; counts come as numbers or text; a manifest may have
pages; a file may be named only where another one says it goes on in it; a file of groups (``outputOrganizedBy``) has
no type. Nothing here becomes a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["output", "deleted", "error"]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")
_KEYS: tuple[tuple[str, Kind], ...] = (
    ("output", "output"), ("deleted", "deleted"), ("error", "error"), ("outcome", "error"),
)  # fmt: skip


@dataclass(frozen=True)
class ExportFile:
    """File ``number`` (from 1) of its kind and of its place in the manifest. ``count`` is what the server says it
    holds, None where it says nothing; ``url`` is as written, empty where there is none; ``type`` is a resource type's
    name or empty; ``continued``: it is named only where another file goes on in it."""

    kind: Kind
    number: int
    type: str
    url: str
    count: int | None
    continued: bool = False

    @property
    def label(self) -> str:
        """What may be shown: never the address."""
        kind = "" if self.kind == "output" else f"{self.kind} "
        return f"{kind}file {self.number}" + (f" ({self.type})" if self.type else "")


@dataclass(frozen=True)
class ExportManifest:
    """``transaction_time`` is a FHIR instant as written, or empty; ``files`` are in the manifest's order."""

    transaction_time: str
    requires_access_token: bool
    files: tuple[ExportFile, ...]
    next_link: str | None = None

    def of(self, kind: Kind) -> tuple[ExportFile, ...]:
        """The files of one kind."""
        return tuple(file for file in self.files if file.kind == kind)


def read_manifest(said: Mapping[str, Any]) -> ExportManifest:
    """One page of a manifest. What is missing or of a wrong kind is as if absent."""
    instant = said.get("transactionTime")
    files: list[ExportFile] = []
    for key, kind in _KEYS:
        items = said.get(key)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                files += _files(item, kind)
    return ExportManifest(
        transaction_time=instant if isinstance(instant, str) and _INSTANT.fullmatch(instant) else "",
        # Absent, the site's own rules about origins decide: they are the stricter ones.
        requires_access_token=str(said.get("requiresAccessToken", True)).strip().lower() != "false",
        files=_numbered(files),
        next_link=_next(said.get("link")),
    )


def joined(pages: list[ExportManifest]) -> ExportManifest:
    """The pages of one manifest as one: time and access from the first, files from all."""
    first = pages[0]
    files = _numbered([file for page in pages for file in page.files])
    return ExportManifest(first.transaction_time, first.requires_access_token, files)


def _files(item: Mapping[str, Any], kind: Kind) -> list[ExportFile]:
    type_, url = item.get("type"), item.get("url")
    named = type_ if isinstance(type_, str) and _TYPE.fullmatch(type_) else ""
    found = [ExportFile(kind, 0, named, url if isinstance(url, str) else "", _count(item.get("count")))]
    goes_on = item.get("continuesInFile")
    if isinstance(goes_on, str) and goes_on:
        found.append(ExportFile(kind, 0, named, goes_on, None, continued=True))
    return found


def _numbered(files: list[ExportFile]) -> tuple[ExportFile, ...]:
    """Numbers by kind. A file that is only continued in counts once, and not where it is listed by itself."""
    listed = {(file.kind, file.url) for file in files if not file.continued}
    numbers: dict[Kind, int] = {}
    made = []
    for file in files:
        if file.continued:
            if (file.kind, file.url) in listed:
                continue
            listed.add((file.kind, file.url))
        numbers[file.kind] = numbers.get(file.kind, 0) + 1
        made.append(replace(file, number=numbers[file.kind]))
    return tuple(made)


def _count(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\d{1,15}", value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _next(links: Any) -> str | None:
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return link["url"] or None
    return None

"""The manifest beside landed files: what was asked, what came, what is missing (``docs/architecture.md``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows.landing.writer import LandedFile
from flows.run_folder import write_json
from mappings.errors import DefinitionError

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, order=True)
class Missing:
    """Something that should be there and is not. ``what`` names page and search or file, never a patient."""

    type: str
    what: str
    reason: str


@dataclass(order=True)
class TypeCount:
    """The counts of one type. received = landed + duplicates + sum(not_asked) + outcomes.

    ``server_total`` sums the totals of the type's searches and is held against ``distinct`` (different ids, summed over
    the same searches) only where ``total_exact``.
    """

    received: int = 0
    matches: int = 0
    landed: int = 0
    duplicates: int = 0
    outcomes: int = 0
    not_asked: dict[str, int] = field(default_factory=dict)
    searches: int = 0
    pages: int = 0
    server_total: int | None = None
    total_exact: bool = False
    distinct: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every received entry is accounted for."""
        return self.received == self.landed + self.duplicates + sum(self.not_asked.values()) + self.outcomes

    def leave_out(self, reason: str, n: int = 1) -> None:
        """Count entries that were received and not asked for."""
        self.not_asked[reason] = self.not_asked.get(reason, 0) + n


@dataclass(frozen=True)
class Manifest:
    """What extraction left for one site. ``warnings`` name what did not make it incomplete; ``incremental`` says what
    a landed snapshot stands on (``docs/incremental.md``)."""

    site: str
    method: str
    scope: str
    filters_sha256: str
    plan_sha256: str
    complete: bool
    patients: int | None
    missing: tuple[Missing, ...]
    types: Mapping[str, TypeCount]
    files: tuple[LandedFile, ...]
    outcomes: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Mapping[str, Any], ...] = ()
    incremental: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The manifest as it is written."""
        return {"format": FORMAT, **asdict(self)}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, last of all: a landing folder without a manifest is unfinished."""
    write_json(folder / NAME, manifest.as_dict())


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a landing folder, or ``None`` where extraction has not ended.

    Raises `DefinitionError` for one written by another format.
    """
    path = folder / NAME
    if not path.exists():
        return None
    said = json.loads(path.read_bytes())
    if said.pop("format", None) != FORMAT:
        raise DefinitionError(f"{path.name} in {folder} has another format than {FORMAT}")
    return Manifest(
        **{
            **said,
            "missing": tuple(Missing(**each) for each in said["missing"]),
            "types": {type_: TypeCount(**counts) for type_, counts in said["types"].items()},
            "files": tuple(LandedFile(**each) for each in said["files"]),
            "outcomes": tuple(said["outcomes"]),
            "warnings": tuple(said["warnings"]),
        }
    )

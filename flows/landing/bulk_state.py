"""Where an export stands, so that the same command goes on with it after the process was killed.

The file lies beside the downloaded files and is removed with them. It holds the job's status address, which only this
machine needs to know, and of the files' addresses no more than a hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from flows.client.bulk_manifest import ExportFile, Kind
from flows.run_folder import write_json

NAME = "state.json"
FORMAT = 1


@dataclass
class FileState:
    """One file of the manifest. ``name`` is empty until it lies in the folder; ``fault`` says why it is not whole."""

    kind: Kind
    number: int
    type: str
    count: int | None
    url_hash: str
    path_hash: str
    name: str = ""
    lines: int = 0
    bytes: int = 0
    fault: str = ""

    @property
    def stem(self) -> str:
        """Its name in the folder without ending: made by us, never by the server."""
        return f"{(self.type or 'Unknown') if self.kind == 'output' else self.kind}.{self.number:06d}"

    @property
    def label(self) -> str:
        """What may be shown."""
        return ExportFile(self.kind, self.number, self.type, "", None).label


@dataclass
class BulkState:
    """``filters_sha256`` and ``request_sha256`` say what the export was made for; ``files`` is None until there is a
    manifest; ``fault`` is why the export as a whole was given up, or empty; ``ended`` once the server has been told
    that the job is not needed any more."""

    filters_sha256: str
    request_sha256: str
    export_id: str
    began: str
    addresses: list[str] = field(default_factory=list)
    filtered: bool = True
    beginnings: int = 0
    transaction_time: str = ""
    files: list[FileState] | None = None
    fault: str = ""
    ended: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing is left to be fetched."""
        return self.files is not None and all(file.name for file in self.files)

    def save(self, folder: Path) -> None:
        """Write it, atomically."""
        write_json(folder / NAME, {"format": FORMAT, **asdict(self)})


def read_state(folder: Path, filters_sha256: str, request_sha256: str) -> BulkState | None:
    """The state of an export made for the same request, or None: then there is nothing to go on with."""
    try:
        said = json.loads((folder / NAME).read_bytes())
        if said.pop("format") != FORMAT:
            return None
        files = said.pop("files")
        state = BulkState(**said, files=None if files is None else [FileState(**file) for file in files])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if (state.filters_sha256, state.request_sha256) != (filters_sha256, request_sha256):
        return None
    if any(file.name and not (folder / file.name).is_file() for file in state.files or ()):
        return None
    return state


def filters_of(folder: Path) -> str | None:
    """The hash of the filters an export in ``folder`` was made for; None where there is none."""
    try:
        return str(json.loads((folder / NAME).read_bytes())["filters_sha256"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def states_of(files: Sequence[ExportFile]) -> list[FileState]:
    """The files of a manifest, nothing of them fetched."""
    return [
        FileState(file.kind, file.number, file.type, file.count, _hash(file.url), _hash(urlsplit(file.url).path))
        for file in files
    ]


def matched(known: Sequence[FileState], said: Sequence[ExportFile]) -> list[tuple[FileState, ExportFile]] | None:
    """Which file is which after the manifest was fetched anew; None where it is another export.

    By address, else by path (signed addresses change behind the ``?``), else, where every address is new, by place.
    """
    fresh = states_of(said)
    if len(fresh) != len(known):
        return None
    keys: tuple[Callable[[FileState], str], ...] = (lambda file: file.url_hash, lambda file: file.path_hash)
    for key in keys:
        places = {key(file): place for place, file in enumerate(fresh)}
        if len(places) == len(known) and {key(file) for file in known} == set(places):
            return [(file, said[places[key(file)]]) for file in known]
    if {file.url_hash for file in known} & {file.url_hash for file in fresh}:
        return None
    if [_what(file) for file in known] != [_what(file) for file in fresh]:
        return None
    return list(zip(known, said, strict=True))


def _what(file: FileState) -> tuple[str, int, str, int | None]:
    return file.kind, file.number, file.type, file.count


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

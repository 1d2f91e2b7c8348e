"""What a study keeps of a site between runs: ``store/<study>/<site>/``, beside the folder of runs.

    state.json            which snapshot is the current one, what it was made for, from where to ask next
    snapshots/<n>/        the current snapshot; an older one goes when a newer one is published
    deltas/<n>/           the landing of each extract, kept

``state.json`` is replaced in one step when everything it names lies there: whenever a process is killed, either the old
snapshot is the current one or the new one is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows.landing.writer import sync_folder
from flows.run_folder import private_folder, write_json
from mappings.errors import DefinitionError

FORMAT = 1
_STATE = "state.json"


@dataclass(frozen=True)
class State:
    """What ``state.json`` says. ``extracts`` counts those that were published; ``snapshot`` is the folder's name and
    ``sha256`` its hash. ``refetch`` has the types that cannot be asked for changes, with the reason. ``unlooked``
    counts the extracts since deletions were last looked for; ``source`` is the site as the sites file names it."""

    filters_sha256: str
    source: str
    extracts: int
    snapshot: str
    sha256: str
    kickoff: str
    server_time: str
    watermarks: Mapping[str, str]
    refetch: Mapping[str, str]
    unlooked: int = 0
    deltas: tuple[str, ...] = field(default=())


class Store:
    """The store of one site, with what it holds published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make_folders(self) -> None:
        """Make the folders. One that was there before is somebody's own: it is neither closed nor hidden from git."""
        for folder in (self.folder.parent.parent, self.folder.parent, self.folder, self.snapshots, self.deltas):
            if not folder.exists():
                private_folder(folder)

    def sweep(self) -> None:
        """Take away what a killed process left of snapshots that were never published."""
        state = self.read()
        for old in self.snapshots.iterdir():
            if old.is_dir() and (state is None or old.name != state.snapshot):
                shutil.rmtree(old)

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots"

    @property
    def deltas(self) -> Path:
        return self.folder / "deltas"

    def read(self) -> State | None:
        """The state, None before the first extract is published. Raises `DefinitionError` for one of another format."""
        path = self.folder / _STATE
        if not path.exists():
            return None
        said: dict[str, Any] = json.loads(path.read_bytes())
        if said.pop("format", None) != FORMAT:
            raise DefinitionError(f"{path} has another format than {FORMAT}; move {self.folder} away to begin anew")
        return State(**{**said, "deltas": tuple(said["deltas"])})

    def published(self) -> list[Path]:
        """The deltas that the current snapshot stands on."""
        state = self.read()
        return [self.deltas / name for name in (state.deltas if state else ())]

    def publish(self, state: State) -> None:
        """Make a snapshot that lies there the current one, and let go of the one before."""
        write_json(self.folder / _STATE, {"format": FORMAT, **asdict(state)})
        sync_folder(self.folder)
        for old in self.snapshots.iterdir():
            if old.is_dir() and old.name != state.snapshot:
                shutil.rmtree(old)

    @staticmethod
    def name_of(number: int) -> str:
        """The folder name of an extract and of the snapshot it made."""
        return f"{number:06d}"

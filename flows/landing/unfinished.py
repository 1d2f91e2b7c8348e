"""What an extract that has not ended leaves for the next one: ``landing/<site>/unfinished/``.

Every few seconds what is landed is made durable and ``landed.json`` says how far it is: searches, counts, and the
lengths of all files that grow. A successor cuts the files back to these lengths and goes on: from the journals of
searches that are not landed yet, and by asking for what is not there either. The folder goes when the manifest is
written.

    made-for.json         the filters and the address it belongs to, and the export's id
    landed.json           how far landing is
    identities.bin        hashes of the resources landed (``flows.landing.identities``)
    found.ndjson          ids of patients and of what is referred to
    search-<n>.pages      pages that are not landed yet (``flows.landing.page_journal``)
    <Type>.<n>.ndjson     growing files
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from flows.landing.found import Found
from flows.landing.identities import Identities
from flows.landing.intake import Intake
from flows.landing.manifest import Missing, TypeCount
from flows.landing.writer import Growing, LandedFile, TypeWriters, Written
from flows.run_folder import private_folder, write_json

FOLDER = "unfinished"
FORMAT = 1
_MADE_FOR, _LANDED = "made-for.json", "landed.json"
_IDENTITIES, _FOUND = "identities.bin", "found.ndjson"
SECONDS_BETWEEN_COMMITS = 2.0


def filters_of(landing: Path) -> str | None:
    """The hash of the filters an unfinished extract was made for; ``None`` where there is none."""
    said = _read(landing / FOLDER / _MADE_FOR)
    return None if said is None else str(said.get("filters_sha256"))


class Unfinished:
    """The state of one extract: what it has landed (``intake``), what it knows (``found``), and how to keep both.

    ``landed`` counts the searches that are landed for good; ``went_on`` says whether an earlier extract of the same
    filters at the same address is gone on with.
    """

    def __init__(
        self, landing: Path, filters_sha256: str, address: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.landing, self.folder = landing, landing / FOLDER
        self._clock, self._committed_at = clock, clock()
        made_for = {"format": FORMAT, "filters_sha256": filters_sha256, "address": address}
        before = _read(self.folder / _MADE_FOR) or {}
        same = {key: before.get(key) for key in made_for} == made_for
        state = self._usable_state() if same else None
        # Before the first commit there is no state yet: the journals alone are gone on with.
        begun = not (self.folder / _LANDED).exists() and any(self.folder.glob("search-*.pages"))
        self.went_on = same and (state is not None or begun)
        if not self.went_on:
            self._empty()
        self.export_id = str(before["export_id"]) if self.went_on else str(uuid.uuid4())
        write_json(self.folder / _MADE_FOR, {**made_for, "export_id": self.export_id})
        self._take_up(state or {})

    def _empty(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        private_folder(self.folder)

    def _usable_state(self) -> dict[str, Any] | None:
        """What ``landed.json`` says, if every file is at least as long as it says."""
        state = _read(self.folder / _LANDED)
        if state is None or state.get("format") != FORMAT:
            return None
        lengths = {self.folder / name: size for name, size in state["lengths"].items()}
        lengths |= {self.landing / file["name"]: file["bytes"] for file in state["closed"]}
        for file in state["growing"]:
            part = self.folder / file["name"]
            lengths[part if part.exists() else self.landing / file["name"]] = file["bytes"]
        return state if all(path.is_file() and path.stat().st_size >= size for path, size in lengths.items()) else None

    def _take_up(self, state: Mapping[str, Any]) -> None:
        self.landed: int = state.get("landed", 0)
        written = Written(
            tuple(LandedFile(**file) for file in state.get("closed", ())),
            tuple(Growing(**file) for file in state.get("growing", ())),
        )
        closed, growing = {file.name for file in written.closed}, {file.name for file in written.growing}
        for stray in (*self.landing.glob("[A-Z]*.ndjson"), *self.folder.glob("[A-Z]*.ndjson")):
            if stray.name not in (closed | growing if stray.parent == self.landing else growing):
                stray.unlink()
        lengths = state.get("lengths", {})
        self._identities = _reopened(self.folder / _IDENTITIES, lengths.get(_IDENTITIES, 0))
        self._found = _reopened(self.folder / _FOUND, lengths.get(_FOUND, 0))
        writers = TypeWriters(self.folder, self.landing, written)
        self.intake = Intake(writers, Identities((self.folder / _IDENTITIES).read_bytes()), self._put_away)
        self.intake.types = {type_: TypeCount(**count) for type_, count in state.get("types", {}).items()}
        self.intake.outcomes = list(state.get("outcomes", ()))
        self.found = _found(state, (self.folder / _FOUND).read_bytes())

    def search_file(self, name: str) -> Path:
        """Where the pages of a search are kept until it is landed."""
        return self.folder / f"search-{name}.pages"

    def search_landed(self, number: int) -> None:
        """Note that every page of search ``number`` is landed; made durable now and then."""
        self.landed = number
        if self._clock() - self._committed_at >= SECONDS_BETWEEN_COMMITS:
            self.commit()

    def _put_away(self) -> None:
        """Move what is learned into the files, which are cut back to the last commit should there be no other."""
        self._identities.write(b"".join(self.intake.fresh))
        self._found.write(b"".join(json.dumps(each).encode() + b"\n" for each in self.found.fresh))
        self.intake.fresh.clear()
        self.found.fresh.clear()

    def commit(self) -> None:
        """Make durable what is landed, then say so, then drop the journals that are not needed any more."""
        written = self.intake.sync()
        self._put_away()
        for stream in (self._identities, self._found):
            stream.flush()
            os.fsync(stream.fileno())
        found = self.found
        write_json(
            self.folder / _LANDED,
            {
                "format": FORMAT,
                "landed": self.landed,
                "closed": [asdict(file) for file in written.closed],
                "growing": [asdict(file) for file in written.growing],
                "lengths": {_IDENTITIES: self._identities.tell(), _FOUND: self._found.tell()},
                "types": {type_: asdict(count) for type_, count in self.intake.types.items()},
                "outcomes": self.intake.outcomes,
                "missing": [asdict(each) for each in found.missing],
                "warnings": found.warnings,
                "without_patient": found.without_patient,
                "pages": found.pages,
                "exported": found.exported,
            },
        )
        for path in self.folder.glob("search-*.pages"):
            if int(path.name[7:13]) <= self.landed:
                path.unlink()
        self._committed_at = self._clock()

    def close(self) -> None:
        """Let go of the files; what is not landed for good stays for the next extract."""
        self.intake.discard()
        self._identities.close()
        self._found.close()

    def remove(self) -> None:
        """Take the folder away: the extract has ended."""
        self.close()
        shutil.rmtree(self.folder)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _reopened(path: Path, length: int) -> BinaryIO:
    stream = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    stream.truncate(length)
    stream.seek(length)
    return stream


def _found(state: Mapping[str, Any], lines: bytes) -> Found:
    found = Found(
        missing=[Missing(**each) for each in state.get("missing", ())],
        warnings=list(state.get("warnings", ())),
        without_patient=state.get("without_patient", 0),
        pages=state.get("pages", 0),
        exported=state.get("exported"),
    )
    for line in lines.splitlines():
        found.learn(*json.loads(line))
    found.fresh.clear()
    return found

"""A run is a folder: where its parts lie, what ``run.json`` says of it, which unfinished run a command goes on with."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mappings.errors import DefinitionError

STEPS = ("extract", "accept", "map", "derive", "check", "analyse", "report")


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as JSON so that a reader sees either the old file or the new one, never half of one."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically (temporary file, fsync, replace), readable by its owner only."""
    with whole(path) as part, part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to be written, which takes its place at the end and not on an error; its owner's alone."""
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)
    part.chmod(0o600)  # one that a killed process left
    yield part
    part.replace(path)


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can read and that git never takes."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignore = path / ".gitignore"
    if not ignore.exists() or not ignore.stat().st_size:  # empty: a process was killed as it made it
        ignore.write_text("*\n")
    return path


@dataclass(frozen=True)
class RunFolder:
    """One run: ``runs/<study>/<run id>/``."""

    root: Path

    @property
    def id(self) -> str:
        return self.root.name

    def landing(self, site: str) -> Path:
        return self.root / "landing" / site

    def accepted(self, site: str) -> Path:
        return self.root / "accepted" / site

    def quarantine(self, site: str) -> Path:
        return self.root / "quarantine" / site

    @property
    def tables(self) -> Path:
        return self.root / "tables"

    @property
    def analysis(self) -> Path:
        return self.root / "analysis"

    @property
    def quality(self) -> Path:
        return self.root / "quality"

    @property
    def checks(self) -> Path:
        return self.quality / "checks.parquet"

    @property
    def failures(self) -> Path:
        """Which rows failed which check: with patients' ids, so it stays on site."""
        return self.quality / "failures.parquet"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def report(self) -> Path:
        return self.root / "report" / "index.html"

    @property
    def on_site(self) -> Path:
        """The page of single subjects, which stays on site."""
        return self.root / "report" / "on-site.html"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other commands out of the run meanwhile. The hold ends with the process, however that ends.

        Raises:
            DefinitionError: another command is at work in it.
        """
        with held(self.root, "wait until it has ended, or start anew with --fresh"):
            yield

    def read(self) -> dict[str, Any]:
        """What ``run.json`` says. A folder without one is no run."""
        try:
            said = json.loads((self.root / "run.json").read_bytes())
        except (OSError, ValueError) as error:
            raise DefinitionError(f"{self.root} is not a run folder: it has no readable run.json") from error
        return dict(said)

    def update(self, **changes: object) -> dict[str, Any]:
        """Change some of ``run.json`` and return the whole."""
        said = {**self.read(), **changes}
        write_json(self.root / "run.json", said)
        return said

    def reopen(self, step: str) -> None:
        """Before a step is done again: neither it nor what came after it counts any more, and the run is open.

        That it had ended once, and how, stays: no run of another day goes on with it.
        """
        said = self.read()
        kept = {name: value for name, value in said["steps"].items() if STEPS.index(name) < STEPS.index(step)}
        self.update(steps=kept, outcome=None, exit_code=None, finished=None, ended_once=ended_with(said))

    def step_done(self, step: str, counts: Mapping[str, object] | None = None) -> None:
        """Note that a step is done; what came after an older pass of it no longer counts."""
        steps = {name: value for name, value in self.read()["steps"].items() if STEPS.index(name) < STEPS.index(step)}
        self.update(steps={**steps, step: dict(counts or {})})

    def done(self, step: str) -> bool:
        """Whether a step is done in this run."""
        return step in self.read()["steps"]

    def finish(self, outcome: str, exit_code: int) -> None:
        """Close the run. A complete one becomes the study's ``latest``, unless a newer one is complete."""
        self.update(outcome=outcome, exit_code=exit_code, finished=now())
        latest = self.root.parent / "latest"
        if outcome == "complete" and self.id >= _newest_complete(latest):
            write_bytes(latest, f"{self.id}\n".encode())


def ended_with(said: Mapping[str, Any]) -> int | None:
    """The exit code a run ended with, before it was opened again if it is open now; None if it never ended.

    ``said`` is what ``run.json`` says.
    """
    code = said.get("exit_code")
    ended: int | None = said.get("ended_once") if code is None else code
    return ended


@contextmanager
def held(folder: Path, advice: str) -> Iterator[None]:
    """Keep other commands out of a folder meanwhile. The hold ends with the process, however that ends.

    Raises:
        DefinitionError: another command is at work in it; ``advice`` says what to do.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle, folder, advice)
        yield
    finally:
        os.close(handle)


def _lock(folder: int, name: Path, advice: str) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DefinitionError(f"another command is at work in {name}: {advice}") from None
    except OSError:
        pass  # A file system without locks: as it was before there were any.


def _newest_complete(latest: Path) -> str:
    named = latest.read_text(encoding="utf-8").strip() if latest.is_file() else ""
    return named if named and (latest.parent / named).is_dir() else ""


def now() -> str:
    """The time as records hold it: UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def start(runs: Path, study_id: str, facts: Mapping[str, object]) -> RunFolder:
    """Make a new run folder. ``facts`` go into ``run.json`` (study hash, sites, hashes, versions, inputs_sha256)."""
    if not runs.exists():
        private_folder(runs)
    # A folder that was there before is somebody's own: only what is made here is closed and hidden from git.
    parent = private_folder(runs / study_id)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    root = private_folder(parent / f"{stamp}-{secrets.token_hex(2)}")
    run = RunFolder(root)
    write_json(
        root / "run.json",
        {"format": 1, "run": run.id, "started": now(), "steps": {}, "outcome": None, "exit_code": None, **facts},
    )
    return run


def unfinished(runs: Path, study_id: str, inputs_sha256: str) -> RunFolder | None:
    """The newest run of equal study, source and filters that was cut off: before it could say how it ended, or by a
    source that could not be reached or refused the credential while resources were still coming. One that had ended
    and was opened again for a single step is none."""
    for run in _runs(runs, study_id):
        try:
            said = run.read()
        except DefinitionError:
            continue
        without_source = said.get("exit_code") == 3 and "extract" not in said.get("steps", {})
        if (ended_with(said) is None or without_source) and said.get("inputs_sha256") == inputs_sha256:
            return run
    return None


def find(runs: Path, name: str) -> RunFolder:
    """A run by its folder, or the newest run of a study by the study's id."""
    given = Path(name)
    if (given / "run.json").exists():
        return RunFolder(given)
    for run in _runs(runs, given.name):
        return run
    raise DefinitionError(f"no run found: {name} is neither a run folder nor a study with runs in {runs}")


def only_study(runs: Path) -> str:
    """The id of the one study that has runs there, for commands that were told of none.

    Raises:
        DefinitionError: there are none, or several.
    """
    studies = sorted({path.parent.parent.name for path in runs.glob("*/*/run.json")})
    if len(studies) != 1:
        raise DefinitionError(
            f"{runs} holds {'no runs' if not studies else 'runs of several studies'}: say which with --run"
        )
    return studies[0]


def newest_complete(runs: Path, study_id: str) -> RunFolder:
    """The newest complete run of a study, by its ``latest``."""
    name = _newest_complete(runs / study_id / "latest")
    if not name:
        raise DefinitionError(f"no complete run of {study_id} in {runs}; make one with: bedside run")
    return RunFolder(runs / study_id / name)


def _runs(runs: Path, study_id: str) -> Iterator[RunFolder]:
    parent = runs / study_id
    if parent.is_dir():
        for folder in sorted(parent.iterdir(), reverse=True):
            if (folder / "run.json").exists():
                yield RunFolder(folder)

"""Whether the comparison of a study may be seen: its lock, what makes it void, and how often it was looked at.

    store/<study>/lock.json       who released the comparison, for which study, codes and data
    store/<study>/looks.ndjson    each look at the comparison of a locked study, one line

The lock is a record that the product keeps to, not a barrier against whoever owns the files (``docs/release.md``).
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from flows.fingerprints import data_of, differences
from flows.job import Job
from flows.run_folder import RunFolder, held, now, private_folder, write_json
from mappings.errors import DefinitionError

FORMAT = 1
_LOCK = "lock.json"
_LOOKS = "looks.ndjson"
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Lock:
    """What was frozen. ``files`` and ``data`` map the study's files and the sites to SHA-256; ``former`` are locks that
    were void when this one was made."""

    by: str
    at: str
    cutoff: str
    run: str
    files: Mapping[str, str]
    data: Mapping[str, str]
    former: tuple[Mapping[str, Any], ...] = field(default=())


@dataclass(frozen=True)
class Release:
    """Whether arms may be compared in a run. ``void`` says why the lock does not hold for it."""

    locked_study: bool
    lock: Lock | None = None
    void: tuple[str, ...] = ()

    @property
    def masked(self) -> bool:
        return self.locked_study and (self.lock is None or bool(self.void))

    @property
    def note(self) -> str:
        """One sentence for people, "" for an open study."""
        if not self.locked_study:
            return ""
        if self.lock is None:
            return "the study is locked: arms are not compared"
        if self.void:
            return f"arms are not compared: the lock by {self.lock.by} is void, since {'; '.join(self.void)}"
        return f"comparison released by {self.lock.by} with the data cut-off {self.lock.cutoff}"


def release_of(job: Job, run: RunFolder) -> Release:
    """Whether the arms of a run may be compared, by the study file and the lock in its store."""
    study = job.comparison
    if study is None or study.analysis.release == "open":
        return Release(locked_study=False)
    lock = read_lock(job.store)
    if lock is None:
        return Release(locked_study=True)
    return Release(True, lock, _void(lock, job, run))


def _void(lock: Lock, job: Job, run: RunFolder) -> tuple[str, ...]:
    files = differences(lock.files, job.folder.hashes, "the study's file")
    return (*files, *differences(lock.data, data_of(run), "the data of site"))


def read_lock(store: Path) -> Lock | None:
    """The lock of a study's store, None where there is none. Raises `DefinitionError` for one that cannot be read."""
    path = store / _LOCK
    if not path.exists():
        return None
    try:
        said = dict(json.loads(path.read_bytes()))
        if said.pop("format") != FORMAT:
            raise ValueError
        return Lock(**{**said, "former": tuple(said["former"])})
    except (KeyError, TypeError, ValueError):
        raise DefinitionError(f"{path} is no lock of format {FORMAT}; move it away to lock anew") from None


def lock(job: Job, run: RunFolder, cutoff: date, by: str) -> Lock:
    """Freeze the study's files and a run's data, and release the comparison of both.

    Raises:
        DefinitionError: the study is open, is locked already, or names another cut-off; the run is not complete; the
            name is none.
    """
    study = job.comparison
    if study is None:
        raise DefinitionError("the study compares no treatments: there is nothing to lock")
    if study.analysis.release == "open":
        raise DefinitionError('the study says release = "open": nothing is held back, there is nothing to lock')
    if study.index.data_cutoff != cutoff:
        raise DefinitionError(
            f"the study's data_cutoff is {study.index.data_cutoff}, not {cutoff}: "
            "change index.data_cutoff and run anew, or lock with that date"
        )
    by = person(by, "--by")
    if run.read().get("outcome") != "complete":
        raise DefinitionError(f"{run.root} is not a complete run: only complete data can be locked")
    private_store(job.store)
    with held(job.store, "wait until it has ended"):
        before = read_lock(job.store)
        former: tuple[Mapping[str, Any], ...] = ()
        if before is not None:
            void = _void(before, job, run)
            if not void:
                raise DefinitionError(f"the study is locked already, by {before.by} at {before.at}")
            said = asdict(before)
            former = (*said.pop("former"), {**said, "void": list(void)})
        made = Lock(by, now(), str(cutoff), run.id, dict(job.folder.hashes), data_of(run), former)
        write_json(job.store / _LOCK, {"format": FORMAT, **asdict(made)})
    return made


def looked(job: Job, run: RunFolder, step: str) -> None:
    """Note one look at the comparison of a locked study: when, by which account, at which run, by which command."""
    private_store(job.store)
    line = json.dumps({"at": now(), "who": _account(), "run": run.id, "command": step}) + "\n"
    # One write of one line at the end of the file: two commands side by side lose none.
    handle = os.open(job.store / _LOOKS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def looks(job: Job) -> int:
    """How often the comparison was looked at so far."""
    path = job.store / _LOOKS
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def person(name: str, option: str) -> str:
    """A name as it is recorded. Raises `DefinitionError` for an empty one, one of many lines or a very long one."""
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise DefinitionError(f"{option} wants a name: one line of 1 to {_LONGEST_NAME} characters")
    return name


def private_store(store: Path) -> None:
    """Make the study's store; folders that were there before stay as they are."""
    for folder in (store.parent, store):
        if not folder.exists():
            private_folder(folder)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have
        return f"uid {os.getuid()}"

"""A study folder on disk: ``study.toml``, its code lists and maps, read whole and hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.study.load import files_named, load_study
from analysis.study.model import PopulationStudy, Study
from analysis.study.supplement_file import SupplementRow
from mappings.codelists import CodeList, ConceptMapping
from mappings.errors import DefinitionError, Problem

STUDY_FILE = "study.toml"


@dataclass(frozen=True)
class StudyFolder:
    """A checked study. ``hashes`` has the SHA-256 of each file read, by path relative to ``path`` (the folder)."""

    study: Study | PopulationStudy
    codes: Mapping[str, CodeList]
    maps: Mapping[str, ConceptMapping]
    tokens: Mapping[str, tuple[str, ...]]
    expected: dict[str, Any] | None
    hashes: dict[str, str]
    path: Path
    supplement: tuple[SupplementRow, ...] = ()

    @property
    def sha256(self) -> str:
        """One hash over all files of the definition: what a lock or a resumed run compares."""
        text = "".join(f"{name}\0{digest}\n" for name, digest in sorted(self.hashes.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    def unused(self) -> list[str]:
        """The files in ``codes/`` and ``maps/`` that no list and no map of the study names; sorted."""
        lying = (p.relative_to(self.path).as_posix() for kind in ("codes", "maps") for p in self._files(kind))
        return sorted(set(lying) - set(self.hashes))

    def _files(self, kind: str) -> list[Path]:
        return list((self.path / kind).glob("*.json"))


def read(path: Path) -> StudyFolder:
    """Read a study folder, or the study file in it.

    Raises:
        DefinitionError: there is none, or it is wrong; every fault with file, line and field.
    """
    source = path / STUDY_FILE if path.is_dir() else path
    if not path.exists():
        raise DefinitionError(f"there is no study at {path}: give a study folder or its {STUDY_FILE}")
    if not source.is_file():
        raise DefinitionError(f"{path} is no study folder: it has no {STUDY_FILE}")
    folder = source.parent
    texts: dict[str, str] = {}
    hashes: dict[str, str] = {}
    problems: list[Problem] = []
    text = _text(source, source.name, hashes, problems)
    if not problems:
        for name in files_named(text, source.name):
            if (folder / name).is_file():
                texts[name] = _text(folder / name, name, hashes, problems)
    if problems:
        raise DefinitionError(f"{path} cannot be read:", tuple(problems))
    made = load_study(text, source.name, texts)
    return StudyFolder(made.study, made.codes, made.maps, made.tokens, made.expected, hashes, folder, made.supplement)


def _text(path: Path, name: str, hashes: dict[str, str], problems: list[Problem]) -> str:
    try:
        content = path.read_bytes()
        hashes[name] = hashlib.sha256(content).hexdigest()
        return content.decode("utf-8-sig")
    except OSError as error:
        problems.append(Problem(f"cannot be read: {error.strerror}", file=name))
    except UnicodeDecodeError:
        problems.append(Problem("is not UTF-8: save it in that encoding", file=name))
    return ""

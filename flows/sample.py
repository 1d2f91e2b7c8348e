"""The sample data of a study: finds and calls the study's own script, which alone knows what to write.

A study may hold ``sample.py``, or a folder ``sample/`` with ``__init__.py``, with a function
``write(out, patients, seed, progress)``. Nothing here knows any study.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

from mappings.errors import DefinitionError

Progress = Callable[[str, int, int], None]
"""Called with what is counted ("patients"), how many are done, and how many there are."""

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class SampleScript(Protocol):
    """What a study's sample script offers."""

    def write(self, out: Path, patients: int | None, seed: int, progress: Progress) -> dict[str, int]:
        """Write one ``<Type>.ndjson`` a type into ``out``; the lines by type. ``patients=None``: the study's own."""
        ...


def studies_folders() -> tuple[Path, ...]:
    """Where studies are looked for: ``studies/`` of the working directory, then the repository's."""
    here, ours = Path.cwd() / "studies", Path(__file__).resolve().parent.parent / "studies"
    return (here,) if here == ours else (here, ours)


def find_sample(name: str, folders: Sequence[Path] | None = None) -> Path:
    """The script of the study called ``name``, the first found in ``folders``.

    Raises:
        DefinitionError: no such study, or it has no sample.
    """
    looked = tuple(folders) if folders is not None else studies_folders()
    if _NAME.fullmatch(name):
        for folder in looked:
            for script in (folder / name / "sample.py", folder / name / "sample" / "__init__.py"):
                if script.is_file():
                    return script
    known = sorted(
        {path.name for folder in looked if folder.is_dir() for path in folder.iterdir() if _has_sample(path)}
    )
    offered = f"Studies with a sample: {', '.join(known)}." if known else "No study here has one."
    raise DefinitionError(f"There is no sample called {name!r}. {offered}")


def _has_sample(study: Path) -> bool:
    return (study / "sample.py").is_file() or (study / "sample" / "__init__.py").is_file()


def load_sample(script: Path) -> SampleScript:
    """The script as a module, loaded by its path (a folder may import its own modules relatively).

    Raises:
        DefinitionError: it has no function ``write``.
    """
    package = script.name == "__init__.py"
    study = script.parent.parent if package else script.parent
    # One name a path: two studies of the same name in two places are two modules.
    module_name = "bedside_sample_" + re.sub(r"\W", "_", str(study.resolve()))
    if module_name in sys.modules:
        return cast(SampleScript, sys.modules[module_name])
    spec = importlib.util.spec_from_file_location(
        module_name, script, submodule_search_locations=[str(script.parent)] if package else None
    )
    if spec is None or spec.loader is None:
        raise DefinitionError(f"The sample script {script.name} of study {study.name!r} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and relative imports look it up while it loads
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    if not callable(getattr(module, "write", None)):
        raise DefinitionError(f"The sample script of study {study.name!r} has no function write.")
    return cast(SampleScript, module)


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def write_sample(
    name: str, out: Path, patients: int | None = None, seed: int = 1, progress: Progress | None = None
) -> dict[str, int]:
    """Write the sample of study ``name`` into the folder ``out`` (made if need be); lines by resource type.

    ``patients`` asks for a larger synthetic cohort of the same shape, the same for the same ``seed``.

    Raises:
        DefinitionError: no such sample, or fewer than one patient asked for.
    """
    if patients is not None and patients < 1:
        raise DefinitionError("The number of patients must be at least 1.")
    script = load_sample(find_sample(name))
    out.mkdir(parents=True, exist_ok=True)
    return script.write(out, patients, seed, progress or _silent)

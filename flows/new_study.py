"""A new study folder from the template that comes with Bedside."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mappings.errors import DefinitionError

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def new_study(target: Path) -> list[str]:
    """Write the template into ``target``, a folder that is not there yet; its name is the study's id.

    Returns: the paths written, relative to the folder, sorted.

    Raises:
        DefinitionError: the name cannot be an id, or something of that name is there already: nothing is overwritten.
    """
    name = target.name
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            "a study's name is small letters, digits, hyphens and underscores, beginning with a letter"
        )
    try:
        target.mkdir(parents=True)
    except FileExistsError:
        raise DefinitionError(f"{target} is there already: nothing is overwritten, choose another name") from None
    except OSError as error:
        raise DefinitionError(f"{target} cannot be made: {error.strerror}") from None
    written = []
    for path, text in _template(files("flows") / "study_template"):
        place = target / path
        place.parent.mkdir(exist_ok=True)
        place.write_text(text.replace("@NAME@", name), encoding="utf-8")
        written.append(path)
    return sorted(written)


def _template(folder: Traversable, under: str = "") -> list[tuple[str, str]]:
    out = []
    for one in folder.iterdir():
        if one.is_dir():
            out += _template(one, f"{under}{one.name}/")
        elif one.name.endswith((".toml", ".json")):
            out.append((f"{under}{one.name}", one.read_text(encoding="utf-8")))
    return out

"""Views as a command line names them: a JSON file, or a standard view by its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from mappings.errors import DefinitionError, Problem
from mappings.viewdefinition import ViewDefinition


@dataclass(frozen=True)
class LoadedView:
    """A checked view, the JSON it was written as, and where it came from (``label``)."""

    label: str
    raw: dict[str, Any]
    view: ViewDefinition

    @property
    def name(self) -> str:
        """What people call it: its own name, else its file's."""
        return self.view.name or Path(self.label).stem


@dataclass(frozen=True)
class Checked:
    """What checking one view found: the view, or its faults."""

    label: str
    loaded: LoadedView | None
    problems: tuple[Problem, ...]


def load_view(asked: str) -> LoadedView:
    """The view a user names, compiled once to see that it can be.

    Raises:
        DefinitionError: there is no such file or standard view, or it is wrong; with every fault found.
    """
    from mappings.compiler import compile_view
    from mappings.viewdefinition import parse_view

    label, content = _content(asked)
    raw = _parsed(content, label)
    loaded = LoadedView(label, raw, parse_view(raw, label))
    try:
        compile_view(loaded.view)
    except DefinitionError as error:
        if error.problems:
            raise
        raise DefinitionError("The view cannot be used:", (Problem(str(error), file=label),)) from None
    return loaded


def check_views(asked: Sequence[str]) -> list[Checked]:
    """Every fault of every view, each with file and JSON path."""
    checked = []
    for one in asked:
        try:
            loaded = load_view(one)
        except DefinitionError as error:
            checked.append(Checked(one, None, error.problems or (Problem(str(error)),)))
        else:
            checked.append(Checked(one, loaded, ()))
    return checked


def text_at(raw: Any, where: str) -> str:
    """What stands in a view's JSON at a path such as ``select[0].forEach``, as text; empty where nothing does."""
    for part in where.replace("]", "").replace("[", ".").split("."):
        if isinstance(raw, list) and part.isdigit() and int(part) < len(raw):
            raw = raw[int(part)]
        elif isinstance(raw, dict):
            raw = raw.get(part)
        else:
            return ""
    return ", ".join(map(str, raw)) if isinstance(raw, list) else str(raw or "")


def _content(asked: str) -> tuple[str, bytes]:
    from mappings.catalogue import view_bytes, view_names
    from mappings.elements import suggestion

    path = Path(asked).expanduser()
    if path.is_file():
        try:
            return asked, path.read_bytes()
        except OSError as error:
            raise DefinitionError(f"the view {asked} cannot be read ({error.strerror})") from None
    if asked in view_names():
        return f"views/{asked}.json", view_bytes(asked)
    near = suggestion(asked, view_names())
    if near or not ("/" in asked or path.suffix):
        raise DefinitionError(f"there is no view file and no standard view {asked!r}{near}")
    raise DefinitionError(f"there is no view file {asked}")


def _parsed(content: bytes, label: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        twice = sorted({name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1})
        if twice:
            problems.append(Problem(f"{' and '.join(twice)} is there twice in one object", file=label))
        return made

    problems: list[Problem] = []
    try:
        raw = json.loads(content.decode("utf-8-sig"), parse_float=Decimal, object_pairs_hook=once)
    except UnicodeDecodeError:
        problems.append(Problem("is not UTF-8 text", file=label))
    except json.JSONDecodeError as error:
        problems.append(Problem(f"is no JSON: {error.msg}", line=error.lineno, file=label))
    except RecursionError:
        problems.append(Problem("is nested too deep", file=label))
    else:
        if not isinstance(raw, dict):
            problems.append(Problem("is no JSON object", file=label))
    if problems:
        raise DefinitionError("The view cannot be read:", tuple(problems))
    assert isinstance(raw, dict)
    return raw

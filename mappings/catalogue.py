"""The standard views by name: the ViewDefinition files in ``mappings/views``, which a hospital can read and review."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from importlib import resources

from mappings.elements import suggestion
from mappings.errors import DefinitionError
from mappings.viewdefinition import ViewDefinition, parse_view


@lru_cache(maxsize=1)
def view_names() -> tuple[str, ...]:
    """The names of the standard views, in alphabetical order."""
    files = resources.files("mappings") / "views"
    return tuple(sorted(file.name.removesuffix(".json") for file in files.iterdir() if file.name.endswith(".json")))


@cache
def view_bytes(name: str) -> bytes:
    """The file of a standard view as it is, for hashing and showing.

    Raises:
        DefinitionError: there is no standard view of this name.
    """
    if name not in view_names():
        raise DefinitionError(f"There is no standard view {name!r}{suggestion(name, view_names())}.")
    return (resources.files("mappings") / "views" / f"{name}.json").read_bytes()


@cache
def load(name: str) -> ViewDefinition:
    """A standard view, parsed and checked.

    Raises:
        DefinitionError: there is no standard view of this name.
    """
    return parse_view(json.loads(view_bytes(name)), f"views/{name}.json")


def standard_views() -> dict[str, ViewDefinition]:
    """All standard views by name."""
    return {name: load(name) for name in view_names()}

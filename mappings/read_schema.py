"""Which elements a view reads, as nested columns for a reader with an explicit schema: nothing else is parsed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mappings.elements import elements_of, is_primitive, storage
from mappings.fhirpath.typed import Field, ReferenceKey, Typed, origin, parts
from mappings.viewdefinition import Each, Repeat, Selection, ViewDefinition

Path = tuple[str, ...]


@dataclass(frozen=True)
class Need:
    """One JSON element to read: text, boolean, integer or decimal, or ``inside`` it what is needed of a structure.

    A structure of which only the presence is asked has nothing inside and is read as its JSON text.
    """

    stored: str
    many: bool
    inside: tuple[tuple[str, Need], ...] = ()


def typed_paths(view: ViewDefinition) -> Iterator[Typed]:
    """Every typed path of a view: where, forEach and columns."""
    yield from view.where
    yield from _of(view.select)


def _of(select: Selection) -> Iterator[Typed]:
    match select.over:
        case Each(items):
            yield items
        case Repeat(first, next_):
            yield from first
            yield from next_
    for column in select.columns:
        yield column.value
    for part in (*select.selections, *select.union):
        yield from _of(part)


def paths_read(nodes: Iterable[Typed]) -> set[Path]:
    """The JSON paths the typed paths touch, from the resource down."""
    found: set[Path] = {("resourceType",)}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (Field, ReferenceKey)):
            at = origin(node.base if isinstance(node, ReferenceKey) else node)
            if at is not None:
                found.add((*at, "reference") if isinstance(node, ReferenceKey) else at)
        waiting.extend(parts(node))
    return found


def needs(resource: str, paths: Iterable[Path]) -> dict[str, Need]:
    """The columns to read for JSON paths of a resource type, in alphabetical order."""
    return _inside(resource, sorted(set(paths)))


def _inside(type_: str, paths: list[Path]) -> dict[str, Need]:
    found: dict[str, Need] = {}
    for name in dict.fromkeys(path[0] for path in paths):
        if name == "resourceType":
            found[name] = Need("text", False)
            continue
        element = elements_of(type_)[name]
        deeper = [path[1:] for path in paths if path[0] == name and len(path) > 1]
        stored = storage(element.type) if is_primitive(element.type) else "text"
        inside = tuple(_inside(element.type, deeper).items()) if deeper else ()
        found[name] = Need(stored, element.many, inside)
    return found

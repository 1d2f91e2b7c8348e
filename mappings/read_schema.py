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


def views_paths(view: ViewDefinition) -> frozenset[Path]:
    """The JSON paths a whole view touches."""
    return paths_read([*view.where, *_values(view.select)], overs(view.select))


def overs(select: Selection) -> Iterator[Each | Repeat]:
    """Every forEach, forEachOrNull and repeat of a selection."""
    if select.over is not None:
        yield select.over
    for part in (*select.selections, *select.union):
        yield from overs(part)


def _values(select: Selection) -> Iterator[Typed]:
    for column in select.columns:
        yield column.value
    for part in (*select.selections, *select.union):
        yield from _values(part)


def paths_read(nodes: Iterable[Typed], over: Iterable[Each | Repeat] = ()) -> frozenset[Path]:
    """The JSON paths some typed paths touch, from the resource down.

    ``*`` after a name says that the element is kept as JSON text, because it is read again at every depth.
    """
    found: set[Path] = {("resourceType",)}
    waiting = list(nodes)
    for each in over:
        if isinstance(each, Each):
            waiting.append(each.items)
        else:
            waiting.extend((*each.first, *each.next))
            for node in (*each.first, *each.next):
                at = origin(node)
                if at is not None:
                    found.add((*at, "*"))
    while waiting:
        node = waiting.pop()
        if isinstance(node, (Field, ReferenceKey)):
            at = origin(node.base if isinstance(node, ReferenceKey) else node)
            if at is not None:
                found.add((*at, "reference") if isinstance(node, ReferenceKey) else at)
        waiting.extend(parts(node))
    return frozenset(found)


def needs(type_: str, paths: Iterable[Path]) -> dict[str, Need]:
    """What to read of a type for JSON paths below it, in alphabetical order."""
    listed = sorted(set(paths))
    found: dict[str, Need] = {}
    for name in dict.fromkeys(path[0] for path in listed):
        if name == "resourceType":
            found[name] = Need("text", False)
            continue
        element = elements_of(type_)[name]
        deeper = [path[1:] for path in listed if path[0] == name and len(path) > 1]
        stored = storage(element.type) if is_primitive(element.type) else "text"
        kept_as_text = any(path[0] == "*" for path in deeper)
        inside = tuple(needs(element.type, deeper).items()) if deeper and not kept_as_text else ()
        found[name] = Need(stored, element.many, inside)
    return found


def below(origin_: Path, paths: Iterable[Path]) -> list[Path]:
    """The paths below one, from it down; what repeats below it left out."""
    size = len(origin_)
    return [path[size:] for path in paths if path[:size] == origin_ and len(path) > size and path[size] != "*"]

"""What a view reads and what it becomes: columns, elements, and the engine's query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flows.engines import EngineChoice, connected
from flows.viewing.views import LoadedView, text_at
from mappings.elements import elements_of, is_primitive
from mappings.viewdefinition import Column, Repeat, Selection

if TYPE_CHECKING:
    from mappings.compiler import CompiledView
    from mappings.read_schema import Need

_STORED = {"text": "text", "boolean": "boolean", "integer": "integer", "decimal": "decimal"}


@dataclass(frozen=True)
class ColumnSaid:
    """One column: ``type`` as it is kept, ``fhir_type`` of its path, ``within`` the forEach or repeat it stands in."""

    name: str
    type: str
    fhir_type: str
    path: str
    within: tuple[str, ...]


@dataclass(frozen=True)
class Explained:
    """A view explained. ``reads`` are the elements with what is read inside them; ``repeats`` are its repeats."""

    columns: tuple[ColumnSaid, ...]
    reads: Mapping[str, Any]
    sql: str
    repeats: tuple[str, ...]


def explain(loaded: LoadedView, choice: EngineChoice) -> Explained:
    """Explain a view for an engine. No data are needed.

    Raises:
        DefinitionError, SourceError: the engine is not there.
    """
    from mappings.compiler import compile_view

    view, compiled = loaded.view, compile_view(loaded.view)
    columns = list(_columns(loaded, view.select, ()))
    order = {column.name: i for i, column in enumerate(view.columns)}
    columns.sort(key=lambda column: order[column.name])  # of the branches of a unionAll the first says it
    return Explained(
        tuple(columns),
        _reads(view.resource, compiled.needs),
        _sql(compiled, choice),
        tuple(_repeats(loaded, view.select)),
    )


def _columns(loaded: LoadedView, select: Selection, within: tuple[str, ...]) -> Iterator[ColumnSaid]:
    if select.over is not None:
        kind = select.over.where.rsplit(".", 1)[-1]
        within = (*within, f"{kind} {text_at(loaded.raw, select.over.where)}")
    for column in select.columns:
        yield ColumnSaid(column.name, _kept(column), column.type, column.path, within)
    for part in (*select.selections, *select.union[:1]):
        yield from _columns(loaded, part, within)


def _kept(column: Column) -> str:
    stored = _STORED[column.stored]
    return f"list of {stored}" if column.collection else stored


def _repeats(loaded: LoadedView, select: Selection) -> Iterator[str]:
    if isinstance(select.over, Repeat):
        yield text_at(loaded.raw, select.over.where)
    for part in (*select.selections, *select.union):
        yield from _repeats(loaded, part)


def _reads(type_: str, needs: Mapping[str, Need]) -> dict[str, Any]:
    """Element to how it is read (``text``, ``list of boolean``, ``JSON``), or to the elements inside it."""
    made: dict[str, Any] = {}
    for name, need in needs.items():
        inner = "string" if name == "resourceType" else elements_of(type_)[name].type
        if need.inside:
            made[f"{name}[]" if need.many else name] = _reads(inner, dict(need.inside))
        else:
            kept = need.stored if is_primitive(inner) else "JSON"
            made[name] = f"list of {kept}" if need.many else kept
    return made


def tree(reads: Mapping[str, Any], indent: str = "  ") -> Iterator[str]:
    """The elements as lines, indented by depth."""
    for name, inside in reads.items():
        if isinstance(inside, Mapping):
            yield f"{indent}{name}"
            yield from tree(inside, indent + "  ")
        else:
            yield f"{indent}{name}: {inside}"


def _sql(compiled: CompiledView, choice: EngineChoice) -> str:
    with TemporaryDirectory(prefix="bedside-view-") as folder, connected(choice) as con:
        empty = Path(folder) / "resources.ndjson"
        empty.touch()
        return compiled.sql(con, [str(empty)])

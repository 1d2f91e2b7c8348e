"""A SQL on FHIR ViewDefinition, parsed, typed and checked as a whole before any data is touched.

Source: SQL on FHIR v2, StructureDefinition ViewDefinition and the shareable profile. Column order: a selection's own
columns, then its nested selections, then its unionAll.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mappings.constants import constant_value
from mappings.elements import (
    PRIMITIVES,
    Element,
    elements_of,
    is_primitive,
    is_resource,
    resource_names,
    storage,
    suggestion,
)
from mappings.errors import DefinitionError, Problem
from mappings.fhirpath.resolver import resolve
from mappings.fhirpath.tree import FhirPathError
from mappings.fhirpath.typed import Choice, Empty, Focus, Typed, Value, origin

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_COMMON_KEYS = frozenset(("id", "extension", "modifierExtension"))
_VIEW_KEYS = _COMMON_KEYS | {
    *("resourceType", "meta", "implicitRules", "language", "text", "contained", "url", "identifier", "name", "title"),
    *("version", "versionAlgorithmString", "versionAlgorithmCoding", "status", "experimental", "date", "publisher"),
    *("contact", "description", "useContext", "jurisdiction", "purpose", "copyright", "copyrightLabel"),
    *("fhirVersion", "profile", "resource", "resourceVersion", "constant", "select", "where"),
}
_SELECT_KEYS = _COMMON_KEYS | {"column", "select", "forEach", "forEachOrNull", "repeat", "unionAll"}
_COLUMN_KEYS = _COMMON_KEYS | {"path", "name", "description", "collection", "type", "tag"}
_RESOURCE_TYPES = (None, "ViewDefinition", "https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition")


@dataclass(frozen=True)
class Column:
    """``value`` is the typed path; ``stored`` is text, boolean, integer or decimal; ``where`` its JSON path."""

    name: str
    path: str
    value: Typed
    type: str
    collection: bool
    where: str

    @property
    def stored(self) -> str:
        return storage(self.type)


@dataclass(frozen=True)
class Each:
    """``forEach`` or ``forEachOrNull`` (``or_null``): one row for each item."""

    items: Typed
    or_null: bool
    where: str


@dataclass(frozen=True)
class Repeat:
    """``repeat``: the items of ``first``, then from each of them those of ``next``, to any depth, parents first."""

    first: tuple[Typed, ...]
    next: tuple[Typed, ...]
    where: str


@dataclass(frozen=True)
class Selection:
    """One ``select``: its rows are the cross product of its columns, nested selections and unionAll."""

    columns: tuple[Column, ...] = ()
    over: Each | Repeat | None = None
    selections: tuple[Selection, ...] = ()
    union: tuple[Selection, ...] = ()

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """The columns it gives, in order."""
        nested = tuple(column for part in self.selections for column in part.all_columns)
        return (*self.columns, *nested, *(self.union[0].all_columns if self.union else ()))


@dataclass(frozen=True)
class ViewDefinition:
    """A checked view: ``where`` are boolean paths of the resource, ``select`` the whole selection."""

    name: str
    resource: str
    select: Selection
    where: tuple[Typed, ...] = ()
    title: str = ""
    description: str = ""

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.select.all_columns


def parse_view(raw: Mapping[str, Any], file: str = "") -> ViewDefinition:
    """A ViewDefinition from parsed JSON.

    Raises:
        DefinitionError: every fault found, each with its JSON path (``select[0].column[1].path``) and, for a name
            that is not known, the nearest one.
    """
    return _Reader(file).view(raw)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._constants: dict[str, Value] = {}

    def fault(self, where: str, message: str) -> None:
        self._problems.append(Problem(message, where, file=self._file))

    def view(self, raw: Any) -> ViewDefinition:
        if not isinstance(raw, Mapping):
            raise DefinitionError("A view is a JSON object.")
        self._keys(raw, _VIEW_KEYS, "")
        if raw.get("resourceType") not in _RESOURCE_TYPES:
            self.fault("resourceType", "is ViewDefinition, or left out")
        resource = raw.get("resource")
        if not isinstance(resource, str):
            self.fault("resource", "is missing: the resource type the view reads")
        elif not is_resource(resource):
            self.fault("resource", f"R4 has no resource type {resource}{suggestion(resource, resource_names())}")
        self._read_constants(raw)
        if self._problems:
            raise self._error(raw)
        focus = Focus(str(resource))
        where = []
        for i, entry in enumerate(self._list(raw, "where", "")):
            at = f"where[{i}].path"
            if not isinstance(entry, Mapping):
                self.fault(f"where[{i}]", "is a JSON object with a path")
                continue
            node = self._path(entry.get("path"), focus, at)
            if node is not None and node.type not in ("boolean", ""):
                self.fault(at, f"is a {node.type}, not a boolean; ask exists(), or compare")
            elif node is not None:
                where.append(node if node.type else Empty("boolean"))
        parts = self._list(raw, "select", "")
        if not parts:
            self.fault("select", "is missing: what becomes a column")
        select = Selection(selections=tuple(self._select(part, focus, f"select[{i}]") for i, part in enumerate(parts)))
        self._unique(select)
        if not select.all_columns and not self._problems:
            self.fault("select", "gives no column")
        if self._problems:
            raise self._error(raw)
        return ViewDefinition(
            str(raw.get("name") or ""),
            str(resource),
            select,
            tuple(where),
            str(raw.get("title") or ""),
            str(raw.get("description") or ""),
        )

    def _error(self, raw: Mapping[str, Any]) -> DefinitionError:
        name = f" {raw['name']!r}" if isinstance(raw.get("name"), str) else ""
        return DefinitionError(f"The view{name} cannot be used:", tuple(self._problems))

    def _keys(self, raw: Mapping[str, Any], known: frozenset[str], where: str) -> None:
        for key in raw:
            if key not in known and not key.startswith("_"):
                self.fault(f"{where}.{key}".lstrip("."), f"is not known here{suggestion(key, known)}")

    def _list(self, raw: Mapping[str, Any], key: str, where: str) -> Sequence[Any]:
        value = raw.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fault(f"{where}.{key}".lstrip("."), "is a list")
            return ()
        return value

    def _read_constants(self, raw: Mapping[str, Any]) -> None:
        for i, entry in enumerate(self._list(raw, "constant", "")):
            where = f"constant[{i}]"
            values = {k: v for k, v in entry.items() if k.startswith("value")} if isinstance(entry, Mapping) else {}
            name = entry.get("name") if isinstance(entry, Mapping) else None
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                self.fault(f"{where}.name", "is missing, or no name")
                continue
            if len(values) != 1:
                self.fault(where, "has exactly one value, for instance valueString")
                continue
            ((key, value),) = values.items()
            type_ = key[5:6].lower() + key[6:]
            if type_ not in PRIMITIVES:
                self.fault(f"{where}.{key}", f"is no primitive type{suggestion(type_, PRIMITIVES)}")
                continue
            made = constant_value(type_, value)
            if made is None:
                self.fault(f"{where}.{key}", f"is no {type_}")
            elif name in self._constants:
                self.fault(f"{where}.name", f"{name} is there twice")
            else:
                self._constants[name] = made

    def _path(self, text: Any, focus: Focus, where: str) -> Typed | None:
        if not isinstance(text, str):
            self.fault(where, "is missing" if text is None else "is no text, but a FHIRPath is one")
            return None
        try:
            return resolve(text, focus, self._constants)
        except FhirPathError as error:
            place = "" if error.at is None else f" (at character {error.at + 1} of the path)"
            self.fault(where, f"{error.message}{place}")
            return None

    def _select(self, raw: Any, focus: Focus, where: str) -> Selection:
        if not isinstance(raw, Mapping):
            self.fault(where, "is a JSON object")
            return Selection()
        self._keys(raw, _SELECT_KEYS, where)
        over, focus_below = self._over(raw, focus, where)
        if focus_below is None:  # what stands below cannot be checked without its type
            return Selection()
        columns = tuple(
            column
            for i, part in enumerate(self._list(raw, "column", where))
            if (column := self._column(part, focus_below, f"{where}.column[{i}]")) is not None
        )
        nested = self._each_select(raw, "select", focus_below, where)
        before = len(self._problems)
        union = self._each_select(raw, "unionAll", focus_below, where)
        if len(self._problems) == before:  # columns that could not be read would be missed here again
            self._equal_columns(union, where)
        return Selection(columns, over, nested, union)

    def _each_select(self, raw: Mapping[str, Any], key: str, focus: Focus, where: str) -> tuple[Selection, ...]:
        parts = self._list(raw, key, where)
        return tuple(self._select(part, focus, f"{where}.{key}[{i}]") for i, part in enumerate(parts))

    def _over(self, raw: Mapping[str, Any], focus: Focus, where: str) -> tuple[Each | Repeat | None, Focus | None]:
        asked = [key for key in ("forEach", "forEachOrNull", "repeat") if key in raw]
        if len(asked) > 1:
            self.fault(where, f"has {' and '.join(asked)}: say one")
            return None, None
        if not asked:
            return None, focus
        where = f"{where}.{asked[0]}"
        if asked == ["repeat"]:
            return self._repeat(raw["repeat"], focus, where)
        items = self._path(raw[asked[0]], focus, where)
        if items is None:
            return None, None
        if isinstance(items, Choice):
            types = ", ".join(field.type for field in items.fields)
            self.fault(where, f"{items.name} has a choice of types: say {items.name}.ofType(TYPE) ({types})")
            return None, None
        if not items.type:
            self.fault(where, "gives nothing, so there is no row")
            return None, None
        return Each(items, asked[0] == "forEachOrNull", where), Focus(items.type, origin(items) or ())

    def _repeat(self, paths: Any, focus: Focus, where: str) -> tuple[Repeat | None, Focus | None]:
        if not isinstance(paths, list) or not paths:
            self.fault(where, "is a list of paths")
            return None, None
        # A path need not exist on the outer element (answer.item on the response itself), but one must.
        starts = [self._quiet(path, focus) for path in paths]
        types = {node.type for node in starts if node is not None}
        if not types:
            for i, path in enumerate(paths):
                self._path(path, focus, f"{where}[{i}]")
            return None, None
        if len(types) != 1 or types & (PRIMITIVES | {"", "choice"}):
            self.fault(where, f"leads to elements of one type, not to {' and '.join(sorted(types)) or 'nothing'}")
            return None, None
        first = tuple(node for node in starts if node is not None)
        below = Focus(types.pop(), (*(origin(first[0]) or ()), "*"))
        nodes = [self._path(path, below, f"{where}[{i}]") for i, path in enumerate(paths)]
        if any(node is None for node in nodes):
            return None, None
        others = {node.type for node in nodes if node is not None} - {below.type}
        if others:
            self.fault(where, f"leads to elements of one type, not to {' and '.join(sorted({below.type, *others}))}")
            return None, None
        return Repeat(first, tuple(node for node in nodes if node is not None), where), below

    def _quiet(self, text: Any, focus: Focus) -> Typed | None:
        try:
            return resolve(text, focus, self._constants) if isinstance(text, str) else None
        except FhirPathError:
            return None

    def _column(self, raw: Any, focus: Focus, where: str) -> Column | None:
        if not isinstance(raw, Mapping):
            self.fault(where, "is a JSON object")
            return None
        self._keys(raw, _COLUMN_KEYS, where)
        name = raw.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.fault(f"{where}.name", "is missing, or is not letters, digits and _ after a letter")
            return None
        collection = raw.get("collection", False)
        if not isinstance(collection, bool):
            self.fault(f"{where}.collection", "is true or false")
            return None
        node = self._path(raw.get("path"), focus, f"{where}.path")
        if node is None:
            return None
        declared = raw.get("type")
        if declared is not None:
            declared = str(declared).rsplit("/", 1)[-1].removeprefix("System.")
            declared = declared[0].lower() + declared[1:] if declared.lower() in _SYSTEM_TYPES else declared
        if declared is not None and declared not in PRIMITIVES:
            self.fault(f"{where}.type", f"{declared} is no primitive type{suggestion(declared, PRIMITIVES)}")
            return None
        if isinstance(node, Choice):
            types = ", ".join(field.type for field in node.fields)
            self.fault(f"{where}.path", f"{node.name} has a choice of types: say {node.name}.ofType(TYPE) ({types})")
            return None
        if node.type and not is_primitive(node.type):
            inside = ", ".join(name for name, e in elements_of(node.type).items() if _can_be_column(name, e))
            self.fault(
                f"{where}.path", f"is a {node.type}: a column holds single values, name one of its elements ({inside})"
            )
            return None
        type_ = declared or node.type or "string"
        if node.type and not _fits(node.type, type_):
            self.fault(f"{where}.type", f"is {type_}, but the path gives {node.type}: say {node.type}")
            return None
        return Column(name, str(raw.get("path")), node, type_, collection, where)

    def _equal_columns(self, union: tuple[Selection, ...], where: str) -> None:
        for i, branch in enumerate(union[1:], start=1):
            wanted, found = union[0].all_columns, branch.all_columns
            fault = _difference(wanted, found)
            if fault:
                self.fault(f"{where}.unionAll[{i}]", f"has other columns than the first branch: {fault}")

    def _unique(self, select: Selection) -> None:
        seen: dict[str, str] = {}
        for column in select.all_columns:
            first = seen.setdefault(column.name.lower(), column.where)
            if first != column.where:
                self.fault(f"{column.where}.name", f"{column.name} is a column already ({first})")


def _difference(wanted: Sequence[Column], found: Sequence[Column]) -> str:
    """What makes the columns of one branch unlike those of the first; an empty text where they are alike."""
    names, others = [c.name for c in wanted], [c.name for c in found]
    lacking = [name for name in names if name not in others]
    more = [f"{name}{suggestion(name, lacking)}" for name in others if name not in names]
    if lacking or more:
        said = [f"it lacks {', '.join(lacking)}"] if lacking else []
        return "; ".join([*said, *([f"it also has {', '.join(more)}"] if more else [])])
    if names != others:
        return f"the same in another order, {', '.join(others)} and not {', '.join(names)}"
    for one, other in zip(wanted, found, strict=True):
        if one.stored != other.stored:
            return f"{other.name} is {other.type} ({other.where}), and {one.type} there"
        if one.collection != other.collection:
            here, there = ("a list", "one value") if other.collection else ("one value", "a list")
            return f"{other.name} holds {here} ({other.where}), and {there} there"
    return ""


def _can_be_column(name: str, element: Element) -> bool:
    return is_primitive(element.type) and not element.many and not name.startswith("_") and name != "id"


_SYSTEM_TYPES = frozenset(("string", "boolean", "integer", "decimal", "date", "datetime", "time"))


def _fits(found: str, declared: str) -> bool:
    return storage(found) == storage(declared) or (storage(found), storage(declared)) == ("integer", "decimal")

"""From the tree as written to the tree with types: every element, function and constant is known, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from mappings.elements import (
    DATES,
    INTEGERS,
    choices_of,
    elements_of,
    is_primitive,
    is_resource,
    is_type,
    nearest,
    resource_names,
    storage,
    suggestion,
)
from mappings.fhirpath import tree as t
from mappings.fhirpath.parser import parse
from mappings.fhirpath.tree import FhirPathError
from mappings.fhirpath.typed import (
    Arithmetic,
    At,
    Boundary,
    Choice,
    Compare,
    Empty,
    Exists,
    Field,
    Focus,
    Join,
    Logic,
    Not,
    ReferenceKey,
    RowIndex,
    Typed,
    Value,
    Where,
    origin,
)

_ARGUMENTS = {
    "where": (1, 1),
    "exists": (0, 1),
    "empty": (0, 0),
    "not": (0, 0),
    "first": (0, 0),
    "ofType": (1, 1),
    "extension": (1, 1),
    "join": (0, 1),
    "getResourceKey": (0, 0),
    "getReferenceKey": (0, 1),
    "lowBoundary": (0, 0),
    "highBoundary": (0, 0),
}
_NUMBERS = INTEGERS | {"decimal"}


def resolve(text: str, focus: Focus, constants: Mapping[str, Value]) -> Typed:
    """The typed tree of a FHIRPath text read from ``focus``; ``constants`` are the view's, without their ``%``.

    Raises:
        FhirPathError: with a position in the text and, for a name, the nearest known one.
    """
    return _Resolver(constants).node(parse(text), focus)


class _Resolver:
    def __init__(self, constants: Mapping[str, Value]) -> None:
        self._constants = constants

    def node(self, tree: t.Tree, focus: Focus) -> Typed:
        match tree:
            case t.Literal():
                return Value(tree.value, tree.type)
            case t.Nothing():
                return Empty()
            case t.This():
                return focus
            case t.Constant():
                return self._constant(tree)
            case t.Member():
                return self._member(self.node(tree.base, focus), tree.name, tree.at, isinstance(tree.base, t.This))
            case t.Index():
                return self._index(tree, focus)
            case t.Call():
                return self._call(tree, focus)
            case t.Sign():
                return self._sign(tree, focus)
            case t.Operation():
                return self._operation(tree, focus)

    def _constant(self, tree: t.Constant) -> Typed:
        if tree.name == "rowIndex":
            return RowIndex()
        if tree.name not in self._constants:
            near = suggestion(f"%{tree.name}", [f"%{name}" for name in (*self._constants, "rowIndex")])
            raise FhirPathError(f"the view has no constant %{tree.name}{near}", tree.at)
        return self._constants[tree.name]

    def _member(self, base: Typed, name: str, at: int, begins: bool) -> Typed:
        if isinstance(base, Empty):
            return base
        if isinstance(base, Choice):
            raise FhirPathError(_say_type(base, name), at)
        if isinstance(base, Focus) and begins and base.origin == () and name == base.type:
            return base  # a path may begin with the resource's own type
        if is_primitive(base.type):
            # A primitive's id and extensions stand beside it in JSON, under its name with an underscore.
            if name not in ("id", "extension") or not isinstance(base, Field):
                raise FhirPathError(f"{base.type} has no element {name}: it is a value, $this", at)
            base = Field(base.base, f"_{base.name}", "Element", base.many)
        known = elements_of(base.type)
        element = known.get(name)
        if element is not None and element.choice is None and not name.startswith("_"):
            return Field(base, element.name, element.type, element.many or base.many)
        choices = choices_of(base.type)
        if name in choices:
            fields = (Field(base, e.name, e.type, e.many or base.many) for e in choices[name].values())
            return Choice(base, name, tuple(fields))
        # People write JSON's names (valueQuantity), which are no elements in FHIRPath.
        spoken = {e.name: f"{e.choice}.ofType({e.type})" if e.choice else e.name for e in known.values()}
        if element is not None and element.choice is not None:
            raise FhirPathError(f"{base.type} has no element {name}: write {spoken[name]}", at)
        public = [*choices, *(name for name in spoken if not name.startswith("_"))]
        if begins and isinstance(base, Focus) and base.origin == ():
            public.append(base.type)
        near = nearest(name, public)
        asked = f"; did you mean {spoken.get(near, near)}?" if near else ""
        raise FhirPathError(f"{base.type} has no element {name}{asked}", at)

    def _index(self, tree: t.Index, focus: Focus) -> Typed:
        index = self.node(tree.index, focus)
        if not isinstance(index, (Value, RowIndex)) or index.type not in INTEGERS:
            raise FhirPathError("an index is a number or a constant that is one", tree.index.at)
        if isinstance(index, Value) and int(index.value) < 0:
            raise FhirPathError("an index is not negative", tree.index.at)
        return At(self._plain(self.node(tree.base, focus), tree.at), index)

    def _call(self, tree: t.Call, focus: Focus) -> Typed:
        low_high = _ARGUMENTS.get(tree.name)
        if low_high is None:
            raise FhirPathError(
                f"the function {tree.name}() is not in the shareable profile{suggestion(tree.name, _ARGUMENTS)}",
                tree.at,
            )
        if not low_high[0] <= len(tree.arguments) <= low_high[1]:
            takes = {(0, 0): "no argument", (0, 1): "one argument or none", (1, 1): "one argument"}[low_high]
            raise FhirPathError(f"{tree.name}() takes {takes}, and has {len(tree.arguments)}", tree.at)
        base = self.node(tree.base, focus)
        match tree.name:
            case "where":
                return self._where(base, tree.arguments[0], tree.at)
            case "exists":
                return Exists(self._where(base, tree.arguments[0], tree.at) if tree.arguments else base)
            case "empty":
                return Not(Exists(base))
            case "not":
                return Not(self._boolean(base, "not()", tree.at))
            case "first":
                return At(self._plain(base, tree.at), Value(0, "integer"))
            case "ofType":
                return self._of_type(base, tree)
            case "extension":
                url = self._text(tree.arguments[0], "extension()", focus)
                extensions = self._member(base, "extension", tree.at, False)
                below = Focus("Extension", origin(extensions) or ())
                return Where(extensions, Compare("=", Field(below, "url", "uri", False), Value(url, "uri")))
            case "join":
                separator = self._text(tree.arguments[0], "join()", focus) if tree.arguments else ""
                if (self._plain(base, tree.at).type and storage(base.type) != "text") or not is_primitive(base.type):
                    raise FhirPathError("join() takes texts", tree.at)
                return Join(base, separator)
            case "getResourceKey":
                if not isinstance(base, Focus) or not is_resource(base.type):
                    raise FhirPathError("getResourceKey() is asked of the resource itself", tree.at)
                return Field(base, "id", "id", False)
            case "getReferenceKey":
                return self._reference_key(base, tree)
            case _:
                return self._boundary(base, tree)

    def _where(self, base: Typed, condition: t.Tree, at: int) -> Typed:
        base = self._plain(base, at)
        below = Focus(base.type, origin(base) or ())
        if isinstance(base, Empty):
            return base
        return Where(base, self._boolean(self.node(condition, below), "where()", condition.at))

    def _of_type(self, base: Typed, tree: t.Call) -> Typed:
        among = [field.type for field in base.fields] if isinstance(base, Choice) else [base.type]
        type_ = self._type_name(tree.arguments[0], among)
        if isinstance(base, Choice):
            for field in base.fields:
                if field.type == type_:
                    return field
            raise FhirPathError(
                f"{base.name} is never a {type_}{suggestion(type_, among)} ({_either(among)})", tree.arguments[0].at
            )
        if base.type == type_:
            return base
        if isinstance(base, Empty):
            return base
        raise FhirPathError(f"this is a {base.type}, never a {type_}", tree.arguments[0].at)

    def _type_name(self, tree: t.Tree, among: Sequence[str] = ()) -> str:
        """The type named; ``among`` are those that can be meant, resource types where none is given."""
        if isinstance(tree, t.Member) and isinstance(tree.base, t.Member) and isinstance(tree.base.base, t.This):
            space, name = tree.base.name, tree.name
            if space == "System":
                return name[0].lower() + name[1:]
            if space == "FHIR":
                return name
        if isinstance(tree, t.Member) and isinstance(tree.base, t.This):
            if not is_type(tree.name):
                near = suggestion(tree.name, among or resource_names())
                raise FhirPathError(f"R4 has no type {tree.name}{near}", tree.at)
            return tree.name
        raise FhirPathError("expected the name of a type", tree.at)

    def _reference_key(self, base: Typed, tree: t.Call) -> Typed:
        base = self._plain(base, tree.at)
        if isinstance(base, Empty):
            return base
        if base.type != "Reference":
            raise FhirPathError(f"getReferenceKey() is asked of a Reference, not of a {base.type}", tree.at)
        to = self._type_name(tree.arguments[0]) if tree.arguments else None
        if to is not None and not is_resource(to):
            near = suggestion(to, resource_names())
            raise FhirPathError(f"{to} is no resource type{near}", tree.arguments[0].at)
        return ReferenceKey(base, to)

    def _boundary(self, base: Typed, tree: t.Call) -> Typed:
        base = self._plain(base, tree.at)
        if isinstance(base, Empty):
            return base
        if base.type not in DATES | {"decimal", "time"}:
            raise FhirPathError(f"{tree.name}() is asked of a decimal, a date or a time", tree.at)
        return Boundary(base, tree.name == "highBoundary", base.type)

    def _sign(self, tree: t.Sign, focus: Focus) -> Typed:
        operand = self.node(tree.operand, focus)
        if isinstance(operand, Empty):
            return operand
        if operand.type not in _NUMBERS:
            raise FhirPathError("a sign stands before a number", tree.at)
        if tree.sign == "+":
            return operand
        if isinstance(operand, Value):
            assert isinstance(operand.value, (int, Decimal))
            return Value(-operand.value, operand.type)
        return Arithmetic("-", Value(0, "integer"), operand, _number(operand.type))

    def _operation(self, tree: t.Operation, focus: Focus) -> Typed:
        left = self.node(tree.left, focus)
        right = self.node(tree.right, focus)
        operator = tree.operator
        if operator in ("and", "or"):
            return Logic(
                operator, self._boolean(left, operator, tree.left.at), self._boolean(right, operator, tree.right.at)
            )
        left, right = self._plain(left, tree.at), self._plain(right, tree.at)
        if isinstance(left, Empty) or isinstance(right, Empty):
            return Empty("boolean" if operator in ("=", "!=", "<", "<=", ">", ">=") else "")
        for side in (left, right):
            if not is_primitive(side.type):
                raise FhirPathError(
                    f"{operator} compares single values; this is a {side.type}: name one of its elements", tree.at
                )
        if operator in ("+", "-", "*", "/"):
            return self._arithmetic(operator, left, right, tree.at)
        kinds = {_kind(left.type), _kind(right.type)}
        if len(kinds) != 1:
            raise FhirPathError(f"{left.type} {operator} {right.type} compares different types", tree.at)
        if operator not in ("=", "!=") and kinds == {"boolean"}:
            raise FhirPathError("booleans have no order", tree.at)
        return Compare(operator, left, right)

    def _arithmetic(self, operator: str, left: Typed, right: Typed, at: int) -> Typed:
        kinds = {_kind(left.type), _kind(right.type)}
        if kinds == {"text"} and operator == "+":
            return Arithmetic("+", left, right, "string")
        if kinds != {"number"}:
            raise FhirPathError(f"{left.type} {operator} {right.type} cannot be computed", at)
        whole = _number(left.type) == _number(right.type) == "integer" and operator != "/"
        return Arithmetic(operator, left, right, "integer" if whole else "decimal")

    def _text(self, tree: t.Tree, what: str, focus: Focus) -> str:
        node = self.node(tree, focus)
        if not isinstance(node, Value) or not isinstance(node.value, str):
            raise FhirPathError(f"{what} takes a text", tree.at)
        return node.value

    def _boolean(self, node: Typed, what: str, at: int) -> Typed:
        if isinstance(node, Empty):
            return Empty("boolean")
        if node.type != "boolean":
            raise FhirPathError(f"{what} needs a boolean; ask exists(), or compare", at)
        return node

    def _plain(self, node: Typed, at: int) -> Typed:
        if isinstance(node, Choice):
            raise FhirPathError(_say_type(node), at)
        return node


def _say_type(node: Choice, name: str = "") -> str:
    """That a choice element needs its type: those it has, and which of them have an element ``name``."""
    types = [field.type for field in node.fields]
    having = [type_ for type_ in types if name and not is_primitive(type_) and name in elements_of(type_)]
    said = f"{node.name} has a choice of types"
    if having:
        return f"{said}: write {node.name}.ofType({having[0]}).{name}"
    return f"{said}: say {node.name}.ofType(TYPE) first ({_either(types)})"


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)


def _number(type_: str) -> str:
    return "integer" if type_ in INTEGERS else "decimal"


def _kind(type_: str) -> str:
    """Types that can be compared with one another."""
    if type_ in _NUMBERS:
        return "number"
    if type_ in DATES:
        return "date"
    return type_ if type_ in ("boolean", "time") else "text"

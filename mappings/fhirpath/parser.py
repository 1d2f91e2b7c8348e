"""Tokens to tree, by precedence climbing (FHIRPath 2.0.0, Operator Precedence)."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from mappings.fhirpath.lexer import Token, tokens
from mappings.fhirpath.tree import (
    Call,
    Constant,
    FhirPathError,
    Index,
    Literal,
    Member,
    Nothing,
    Operation,
    Sign,
    This,
    Tree,
)

# Later binds tighter. What the language has and the shareable profile has not is refused by name.
_PRECEDENCE = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<=", "<", ">", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
_SUPPORTED = frozenset(("or", "and", "=", "!=", "<=", "<", ">", ">=", "+", "-", "*", "/"))


@lru_cache(maxsize=2048)
def parse(text: str) -> Tree:
    """The tree of a FHIRPath text.

    Raises:
        FhirPathError: the text is no FHIRPath, or uses an operator outside the shareable profile.
    """
    parser = _Parser(tokens(text))
    tree = parser.operation(0)
    parser.expect("end")
    return tree


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    def take(self) -> Token:
        token = self.token
        self._next += 1
        return token

    def accept(self, symbol: str) -> bool:
        if self.token.kind == "symbol" and self.token.text == symbol:
            self._next += 1
            return True
        return False

    def expect(self, what: str) -> Token:
        token = self.token
        if token.kind != what and not (token.kind == "symbol" and token.text == what):
            found = "the end" if token.kind == "end" else repr(token.text)
            raise FhirPathError(f"expected {what}, found {found}", token.at)
        return self.take()

    def operation(self, level: int) -> Tree:
        if level == len(_PRECEDENCE):
            return self.signed()
        left = self.operation(level + 1)
        while self.token.kind in ("symbol", "name") and self.token.text in _PRECEDENCE[level]:
            operator = self.take()
            if operator.text not in _SUPPORTED:
                raise FhirPathError(f"the operator {operator.text} is not in the shareable profile", operator.at)
            left = Operation(operator.text, left, self.operation(level + 1), operator.at)
        return left

    def signed(self) -> Tree:
        token = self.token
        if token.kind == "symbol" and token.text in "+-":
            self.take()
            return Sign(token.text, self.signed(), token.at)
        return self.path()

    def path(self) -> Tree:
        tree = self.term()
        while True:
            token = self.token
            if self.accept("."):
                tree = self.invocation(tree)
            elif self.accept("["):
                tree = Index(tree, self.operation(0), token.at)
                self.expect("]")
            else:
                return tree

    def invocation(self, base: Tree) -> Tree:
        if self.token.kind == "this":
            raise FhirPathError("$this begins a path", self.token.at)
        name = self.expect("name")
        if not self.accept("("):
            return Member(base, name.text, name.at)
        arguments: list[Tree] = []
        if not self.accept(")"):
            arguments.append(self.operation(0))
            while self.accept(","):
                arguments.append(self.operation(0))
            self.expect(")")
        return Call(base, name.text, tuple(arguments), name.at)

    def term(self) -> Tree:
        token = self.token
        if token.kind == "name":
            if token.text in ("true", "false"):
                self.take()
                return Literal(token.text == "true", "boolean", token.at)
            return self.invocation(This(token.at))
        if self.accept("("):
            tree = self.operation(0)
            self.expect(")")
            return tree
        if self.accept("{"):
            self.expect("}")
            return Nothing(token.at)
        if token.kind in ("string", "date", "dateTime", "time"):
            self.take()
            # @2020T is a dateTime of the precision year; FHIR writes it without the T.
            text = token.text.removesuffix("T") if token.kind == "dateTime" else token.text
            return Literal(text, token.kind, token.at)
        if token.kind == "number":
            self.take()
            if "." in token.text:
                return Literal(Decimal(token.text), "decimal", token.at)
            return Literal(int(token.text), "integer", token.at)
        if token.kind == "constant":
            self.take()
            return Constant(token.text, token.at)
        if token.kind == "this":
            self.take()
            return This(token.at)
        found = "the end" if token.kind == "end" else repr(token.text)
        raise FhirPathError(f"expected a path, found {found}", token.at)

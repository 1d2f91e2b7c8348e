"""SMART scopes as what they permit, so that what was asked for and what was granted can be compared.

``system/Patient.read`` (SMART 1) and ``system/Patient.rs`` (SMART 2) permit the same: read and search. Source: SMART
App Launch 2.2, "Scopes for requesting FHIR Resources".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORM = re.compile(r"(patient|user|system)/([A-Za-z]+|\*)\.(read|write|\*|c?r?u?d?s?)(\?.+)?")
_WORDS = {"read": "rs", "write": "cud", "*": "cruds"}


def not_granted(asked: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    """The scopes asked for that ``granted`` does not cover, in their order.

    A scope is covered by itself, or when every permission of it is given for its resource type by others together. A
    granted scope that is narrowed by a query (``?category=…``) covers only itself.
    """
    texts = set(granted)
    given = {one for scope in texts if not _query(scope) for one in _permissions(scope)}
    lacking = []
    for scope in asked:
        wanted = _permissions(scope)
        covered = bool(wanted) and all(one in given or (one[0], "*", one[2]) in given for one in wanted)
        if scope not in texts and not covered:
            lacking.append(scope)
    return tuple(lacking)


def _permissions(scope: str) -> frozenset[tuple[str, str, str]]:
    """(context, resource type, one letter of cruds); empty for a scope of another form."""
    found = _FORM.fullmatch(scope)
    if found is None:
        return frozenset()
    context, type_, letters, _ = found.groups()
    return frozenset((context, type_, letter) for letter in _WORDS.get(letters, letters))


def _query(scope: str) -> bool:
    return "?" in scope

"""Secrets are named by where they are kept, and fetched when they are needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from mappings.errors import SourceError

Resolver = Callable[[str], str]


def _from_environment(name: str) -> str:
    return os.environ.get(name, "")


def _from_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


RESOLVERS: Mapping[str, Resolver] = {"env": _from_environment, "file": _from_file}


def resolve_secret(reference: str, resolvers: Mapping[str, Resolver] = RESOLVERS) -> str:
    """The secret that ``env:NAME`` or ``file:PATH`` names; other kinds by the resolvers handed in.

    Raises `SourceError` naming the kind of place, never its content. A text without a known kind is not printed: it
    may be a secret someone wrote into the file.
    """
    kind, _, place = reference.partition(":")
    resolver = resolvers.get(kind)
    if resolver is None:
        raise SourceError("a secret is named by env:NAME or file:PATH; what stands in the sites file is neither")
    secret = resolver(place)
    if not secret:
        raise SourceError(f"no secret is found where the sites file says it is kept ({kind}:{place})")
    return secret

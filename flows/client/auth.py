"""How a request says who is asking. The secret is fetched late and lives only in the header of one request.

`Authorisation` is the seam for other ways (SMART Backend Services renews a token): ``header`` is asked before every
request, ``renew`` after a 401 that follows success.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

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


class Authorisation(Protocol):
    """Gives the Authorization header, or ``None`` for a server that asks for none."""

    def header(self) -> str | None: ...

    def renew(self) -> bool:
        """Fetch a new credential after a 401; ``False`` when there is nothing to renew."""


class NoAuthorisation:
    """For servers that need no credential."""

    def header(self) -> str | None:
        return None

    def renew(self) -> bool:
        return False


class BasicAuthorisation:
    """RFC 7617, in UTF-8. The password is looked up for every request, so a change of it is seen."""

    def __init__(self, user: str, password: Callable[[], str]) -> None:
        self._user, self._password = user, password

    def header(self) -> str | None:
        pair = f"{self._user}:{self._password()}".encode()
        return "Basic " + base64.b64encode(pair).decode()

    def renew(self) -> bool:
        return True


class BearerAuthorisation:
    """RFC 6750, with a token kept elsewhere."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def header(self) -> str | None:
        return f"Bearer {self._token()}"

    def renew(self) -> bool:
        return True

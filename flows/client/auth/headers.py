"""How a request says who is asking. The secret is fetched late and lives only in the header of one request.

`Authorisation` is the seam for other ways (`flows.client.auth.tokens` renews a token): ``header`` is asked before every
request, ``renew`` after a 401 that follows success.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from typing import NoReturn, Protocol

from mappings.errors import SourceError

_TOKEN = re.compile(r"[\x21-\x7e]+")


def usable_token(token: str) -> bool:
    """Whether a text can stand in a header as a token: printable ASCII without white space (RFC 6750, 2.1, is
    narrower than what servers give)."""
    return _TOKEN.fullmatch(token) is not None


class Authorisation(Protocol):
    """Gives the Authorization header, or ``None`` for a server that asks for none. Safe to use from several threads."""

    def header(self) -> str | None: ...

    def renew(self) -> bool:
        """See to it that the next header holds a new credential; ``False`` when there is nothing to renew.

        Called after a 401, by the thread whose request was refused: what `header` gave it last is what was refused.
        """


class NotPickled:
    """Prefect pickles what it is handed; a credential must not travel that way. What travels is where it is kept."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} may hold a secret and is not pickled")


class NoAuthorisation:
    """For servers that need no credential."""

    def header(self) -> str | None:
        return None

    def renew(self) -> bool:
        return False


class BasicAuthorisation(NotPickled):
    """RFC 7617, in UTF-8. The password is looked up for every request, so a change of it is seen."""

    def __init__(self, user: str, password: Callable[[], str]) -> None:
        self._user, self._password = user, password

    def header(self) -> str | None:
        pair = f"{self._user}:{self._password()}".encode()
        return "Basic " + base64.b64encode(pair).decode()

    def renew(self) -> bool:
        return True


class BearerAuthorisation(NotPickled):
    """RFC 6750, with a token kept elsewhere.

    ``header`` raises `SourceError` for a text that is no token, before any library can show it in an error of its own.
    """

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def header(self) -> str | None:
        token = self._token()
        if not usable_token(token):
            raise SourceError("the bearer token of the sites file holds a space, a line break or another character")
        return f"Bearer {token}"

    def renew(self) -> bool:
        return True


class KeptAuthorisation(NotPickled):
    """Another one's header, kept until it is refused: for places that are slow to look into."""

    def __init__(self, inner: Authorisation) -> None:
        self._inner = inner
        self._kept: str | None = None
        self._lock = threading.Lock()
        self._mine = threading.local()

    def header(self) -> str | None:
        with self._lock:
            if self._kept is None:
                self._kept = self._inner.header()
            self._mine.header = self._kept
            return self._kept

    def renew(self) -> bool:
        with self._lock:
            # Another thread may have met the same 401 before, and its new header must not be thrown away.
            if getattr(self._mine, "header", None) == self._kept:
                self._kept = None
                return self._inner.renew()
            return True

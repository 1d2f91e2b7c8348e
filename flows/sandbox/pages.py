"""The searches under way: a ``next`` link holds an opaque signed token that stands for one of them and an offset."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.sandbox.clock import Clock
from flows.sandbox.history import Version
from flows.sandbox.indexes import Rows
from flows.sandbox.search import Query

PAGE = "_page"  # the parameter that holds the token
KEPT = 2_000  # searches whose rows stay in memory; the oldest go first


class ExpiredPageError(Exception):
    """The token is none of this server's, or its search is no longer kept: HTTP 410."""


@dataclass(frozen=True)
class Search:
    """A search and its rows, the same for all of its pages."""

    query: Query
    rows: Rows
    page_size: int

    @property
    def resource_type(self) -> str:
        """The type that is searched."""
        return self.query.resource_type


@dataclass(frozen=True)
class PastVersions:
    """The versions a ``_history`` found, the same for all of its pages; ``address`` is its ``self`` link."""

    resource_type: str
    versions: tuple[Version, ...]
    page_size: int
    address: str


Kept = Search | PastVersions


class Pages:
    """Searches by token. ``lifetime`` is in seconds of the clock, from the search's first page."""

    def __init__(self, lifetime: float, clock: Clock) -> None:
        self._lifetime = timedelta(seconds=lifetime)
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._searches: OrderedDict[str, tuple[Kept, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, found: Kept) -> str:
        """Remember a search; returns its id."""
        name = secrets.token_hex(8)
        with self._lock:
            self._searches[name] = found, self._clock.now() + self._lifetime
            while len(self._searches) > KEPT:
                self._searches.popitem(last=False)
        return name

    def forget(self) -> None:
        """Forget every search, as a server does that starts anew."""
        with self._lock:
            self._searches.clear()

    def token(self, name: str, offset: int) -> str:
        """The opaque text of one page."""
        return f"{name}-{offset:x}-{self._sign(name, offset)}"

    def open(self, token: str) -> tuple[str, Kept, int]:
        """(id, search, offset) of a token. Raises ExpiredPageError."""
        try:
            name, offset_text, signature = token.split("-")
            offset = int(offset_text, 16)
        except ValueError:
            raise ExpiredPageError from None
        with self._lock:
            found, until = self._searches.get(name, (None, None))
        if (
            not hmac.compare_digest(signature.encode(), self._sign(name, offset).encode())
            or found is None
            or until is None
        ):
            raise ExpiredPageError
        if self._clock.now() >= until:
            raise ExpiredPageError
        return name, found, offset

    def _sign(self, name: str, offset: int) -> str:
        return hmac.new(self._key, f"{name}-{offset}".encode(), "sha256").hexdigest()[:24]

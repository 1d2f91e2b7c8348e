"""The searches under way: a ``next`` link holds an opaque signed token that stands for one of them and an offset."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from flows.sandbox.indexes import Rows
from flows.sandbox.search import Query

KEPT = 2_000  # searches whose rows stay in memory; the oldest go first


class ExpiredPageError(Exception):
    """The token is none of this server's, or its search is no longer kept: HTTP 410."""


@dataclass(frozen=True)
class Search:
    """A search and its rows, the same for all of its pages."""

    query: Query
    rows: Rows
    page_size: int
    until: float


class Pages:
    """Searches by token. ``lifetime`` is in seconds, from the search's first page."""

    def __init__(self, lifetime: float) -> None:
        self._lifetime = lifetime
        self._key = secrets.token_bytes(32)
        self._searches: OrderedDict[str, Search] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, query: Query, rows: Rows, page_size: int) -> str:
        """Remember a search; returns its id."""
        name = secrets.token_hex(8)
        with self._lock:
            self._searches[name] = Search(query, rows, page_size, time.monotonic() + self._lifetime)
            while len(self._searches) > KEPT:
                self._searches.popitem(last=False)
        return name

    def token(self, name: str, offset: int) -> str:
        """The opaque text of one page."""
        return f"{name}-{offset:x}-{self._sign(name, offset)}"

    def open(self, token: str) -> tuple[str, Search, int]:
        """(id, search, offset) of a token. Raises ExpiredPageError."""
        try:
            name, offset_text, signature = token.split("-")
            offset = int(offset_text, 16)
        except ValueError:
            raise ExpiredPageError from None
        with self._lock:
            search = self._searches.get(name)
        if not hmac.compare_digest(signature, self._sign(name, offset)) or search is None:
            raise ExpiredPageError
        if time.monotonic() >= search.until:
            raise ExpiredPageError
        return name, search, offset

    def _sign(self, name: str, offset: int) -> str:
        return hmac.new(self._key, f"{name}-{offset}".encode(), "sha256").hexdigest()[:24]

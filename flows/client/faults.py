"""What can go wrong with one request, as types; "worth retrying" is one of them.

    RequestFault               6  (mappings.errors.IncompleteError): this page or search is missing
    ├── TransientFault            worth retrying; after the last try it counts as missing
    ├── GoneFault                 404 or 410: on a later page the search has expired
    ├── RefusedFault              any other 4xx: the same request would be refused again
    └── OriginFault               the address lies on an origin the sites file does not name

A `reason` is a short word (``html``, ``http-503``, ``page-loop``). No message holds an address with its parameters, a
header or a body: they may name patients.
"""

from __future__ import annotations

from mappings.errors import IncompleteError


class RequestFault(IncompleteError):
    """A request that did not bring what it should; ``reason`` goes into the manifest."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(f"a request failed: {reason}")
        self.reason = reason
        self.status = status


class TransientFault(RequestFault):
    """Worth asking again; ``retry_after`` is the wait in seconds the server asked for."""

    def __init__(self, reason: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(reason, status)
        self.retry_after = retry_after


class GoneFault(RequestFault):
    """404 or 410."""


class RefusedFault(RequestFault):
    """A 4xx that asking again does not change."""


class OriginFault(RequestFault):
    """An address on an origin that the sites file does not name; it was not asked."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"origin-not-named {origin}")
        self.origin = origin

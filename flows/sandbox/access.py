"""Who may ask: basic or bearer credentials, for trying a client's authentication."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Access:
    """The one accepted ``Authorization`` header and the challenge sent without it."""

    header: str = field(repr=False)
    challenge: str

    @classmethod
    def basic(cls, user: str, password: str) -> Access:
        """HTTP basic (RFC 7617)."""
        packed = base64.b64encode(f"{user}:{password}".encode()).decode()
        return cls(f"Basic {packed}", 'Basic realm="sandbox", charset="UTF-8"')

    @classmethod
    def bearer(cls, token: str) -> Access:
        """A bearer token (RFC 6750)."""
        return cls(f"Bearer {token}", 'Bearer realm="sandbox"')

    def allows(self, header: str | None) -> bool:
        """Whether a request with this ``Authorization`` header may go on."""
        return header is not None and hmac.compare_digest(header.encode(), self.header.encode())

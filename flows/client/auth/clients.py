"""How a client proves at the token endpoint who it is: by a signed assertion, or by a secret."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import quote_plus

from flows.client.auth.headers import NotPickled
from flows.client.auth.signing import SigningKey

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SecretMethod = Literal["client_secret_basic", "client_secret_post"]


@dataclass(frozen=True)
class Proof:
    """What one token request holds beside grant type and scopes. It is sent and forgotten."""

    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class Client(Protocol):
    """``timed``: the proof holds a time, so the two clocks matter."""

    timed: bool

    def proof(self, endpoint: str, now: float) -> Proof:
        """The proof for one request; ``now`` in seconds since 1970, by the endpoint's clock as far as it is known."""


class PrivateKeyJwt(NotPickled):
    """``private_key_jwt`` of SMART Backend Services. ``key`` is read for each request, so a changed one is seen."""

    timed = True

    def __init__(self, client_id: str, key: Callable[[], SigningKey], jku: str | None = None) -> None:
        self._client_id, self._key, self._jku = client_id, key, jku

    def proof(self, endpoint: str, now: float) -> Proof:
        assertion = self._key().assertion(self._client_id, endpoint, now, self._jku)
        return Proof((("client_assertion_type", _JWT_BEARER), ("client_assertion", assertion)))


class ClientSecret(NotPickled):
    """``client_secret_basic`` or ``client_secret_post`` (RFC 6749, 2.3.1)."""

    timed = False

    def __init__(self, client_id: str, secret: Callable[[], str], method: SecretMethod) -> None:
        self._client_id, self._secret, self._method = client_id, secret, method

    def proof(self, endpoint: str, now: float) -> Proof:  # noqa: ARG002
        secret = self._secret()
        if self._method == "client_secret_post":
            return Proof((("client_id", self._client_id), ("client_secret", secret)))
        # Unlike plain basic authentication, both are form-encoded first.
        pair = f"{quote_plus(self._client_id)}:{quote_plus(secret)}".encode()
        return Proof(headers=(("Authorization", "Basic " + base64.b64encode(pair).decode()),))


def form_of(proof: Proof, scopes: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The whole form of a client-credentials request."""
    asked = (("scope", " ".join(scopes)),) if scopes else ()
    return (("grant_type", "client_credentials"), *asked, *proof.form)

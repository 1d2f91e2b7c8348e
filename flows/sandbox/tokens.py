"""Who may ask, by access tokens: SMART Backend Services and client secrets, for trying a client's authentication.

``.well-known/smart-configuration`` beside the FHIR base names the token endpoint, which lies beside the base as well.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

from flows.sandbox.assertions import ALGORITHMS, AssertionRefusedError, checked_claims, client_id_in

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_PATH = "/auth/token"  # noqa: S105 - an address
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class RegisteredClient:
    """A client as it registered: by its public keys (a JWKS, with the ``jku`` it may name) or by a secret.

    ``scopes`` are what it is granted at most, None all it asks for.
    """

    jwks: Mapping[str, Any] | None = None
    jku: str | None = None
    secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] | None = None


class _RefusalError(Exception):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        self.error, self.description, self.status = error, description, status


class TokenAccess:
    """Gives tokens to registered clients and lets requests in that hold one.

    ``token_lifetime`` in seconds; ``clock_skew`` is how far this server's clock is ahead of the machine's (its Date
    headers say so too). ``given`` counts the tokens given, ``refusals`` lists the rules broken. Safe from several
    threads.
    """

    challenge = 'Bearer realm="sandbox"'

    def __init__(
        self,
        clients: Mapping[str, RegisteredClient],
        *,
        token_lifetime: float = 300.0,
        clock_skew: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clients, self.token_lifetime, self.clock_skew = dict(clients), token_lifetime, clock_skew
        self._clock = clock
        self._tokens: dict[str, float] = {}
        self._seen: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self.given = 0
        self.refusals: list[str] = []

    def now(self) -> float:
        """Seconds since 1970 by this server's clock."""
        return self._clock() + self.clock_skew

    def allows(self, header: str | None) -> bool:
        """Whether a request with this ``Authorization`` header may go on."""
        kind, _, token = (header or "").partition(" ")
        with self._lock:
            return kind.lower() == "bearer" and self._tokens.get(token, 0.0) > self.now()

    def end_tokens(self) -> None:
        """Let no token given so far in any more, as a server that has restarted."""
        with self._lock:
            self._tokens.clear()

    def routes(self, base_path: str) -> list[Route]:
        """Discovery and the token endpoint; they need no credential."""
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        async def configuration(request: Request) -> Response:
            return JSONResponse(
                {
                    "token_endpoint": _address(request),
                    "grant_types_supported": ["client_credentials"],
                    "token_endpoint_auth_methods_supported": [
                        "private_key_jwt",
                        "client_secret_basic",
                        "client_secret_post",
                    ],
                    "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
                    "scopes_supported": ["system/*.read", "system/*.rs"],
                    "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
                }
            )

        async def token(request: Request) -> Response:
            body = (await request.body()).decode("utf-8", "replace")
            headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
            try:
                said = self.answer(
                    parse_qs(body, keep_blank_values=True), request.headers.get("authorization"), _address(request)
                )
            except _RefusalError as refusal:
                said = {"error": refusal.error, "error_description": refusal.description}
                if refusal.status == 401:
                    headers["WWW-Authenticate"] = 'Basic realm="sandbox"'
                return JSONResponse(said, refusal.status, headers)
            return JSONResponse(said, headers=headers)

        return [
            Route(f"{base_path}/.well-known/smart-configuration", configuration, methods=["GET"]),
            Route(TOKEN_PATH, token, methods=["POST"]),
        ]

    def answer(self, form: Mapping[str, list[str]], authorization: str | None, endpoint: str) -> dict[str, Any]:
        """What a token request gets, as the document that is sent. Raises the refusal otherwise."""
        with self._lock:
            try:
                client = self._authenticated(form, authorization, endpoint)
                return self._grant(client, _one(form, "grant_type"), _one(form, "scope"))
            except _RefusalError as refusal:
                self.refusals.append(refusal.description)
                raise

    def _authenticated(
        self, form: Mapping[str, list[str]], authorization: str | None, endpoint: str
    ) -> RegisteredClient:
        if any(len(values) > 1 for values in form.values()):
            raise _RefusalError("invalid_request", "a parameter is given twice")
        assertion = _one(form, "client_assertion")
        if assertion is not None:
            if _one(form, "client_assertion_type") != _JWT_BEARER:
                raise _RefusalError("invalid_request", "client_assertion_type is another")
            return self._by_assertion(assertion, endpoint)
        client_id, secret = _one(form, "client_id"), _one(form, "client_secret")
        kind, _, packed = (authorization or "").partition(" ")
        if kind.lower() == "basic":
            try:
                pair = base64.b64decode(packed, validate=True).decode()
            except ValueError:
                raise _RefusalError("invalid_client", "the header cannot be read", 401) from None
            client_id, secret = (unquote_plus(part) for part in pair.partition(":")[::2])
        client = self._clients.get(client_id or "")
        if client is None or client.secret is None or secret is None:
            raise _RefusalError("invalid_client", "the client is not known", 401)
        if not hmac.compare_digest(secret.encode(), client.secret.encode()):
            raise _RefusalError("invalid_client", "the secret is another", 401)
        return client

    def _by_assertion(self, assertion: str, endpoint: str) -> RegisteredClient:
        now = self.now()
        self._seen = {key: end for key, end in self._seen.items() if end > now}
        try:
            client_id = client_id_in(assertion)
            client = self._clients.get(client_id)
            if client is None or client.jwks is None:
                raise AssertionRefusedError("the client is not known")
            jti, end = checked_claims(assertion, client_id, client.jwks, client.jku, endpoint, now)
            if (client_id, jti) in self._seen:
                raise AssertionRefusedError("jti was seen before")
        except AssertionRefusedError as refused:
            raise _RefusalError("invalid_client", str(refused)) from None
        self._seen[client_id, jti] = end
        return client

    def _grant(self, client: RegisteredClient, grant: str | None, scope: str | None) -> dict[str, Any]:
        if grant != "client_credentials":
            raise _RefusalError("unsupported_grant_type", "grant_type is another")
        asked = (scope or "").split()
        if client.jwks is not None and not asked:
            raise _RefusalError("invalid_scope", "scope is missing")
        granted = asked if client.scopes is None else list(client.scopes)
        token = secrets.token_urlsafe(32)
        self._tokens[token] = self.now() + self.token_lifetime
        self.given += 1
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(self.token_lifetime),
            "scope": " ".join(granted),
        }


def dated(app: ASGIApp, now: Callable[[], float]) -> ASGIApp:
    """An application whose answers are dated by ``now`` (seconds since 1970)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = (b"date", formatdate(now(), usegmt=True).encode())
                message = {**message, "headers": [*message.get("headers", ()), date]}
            await send(message)

        await app(scope, receive, stamped)

    return answer


def _one(form: Mapping[str, list[str]], name: str) -> str | None:
    values = form.get(name)
    return values[0] if values else None


def _address(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{TOKEN_PATH}"

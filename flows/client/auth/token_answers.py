"""What a token endpoint answered: a token, a refusal, or nothing that is either (RFC 6749, 5.1 and 5.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flows.client.auth.headers import usable_token
from flows.client.auth.sender import Answer
from flows.client.faults import TransientFault
from flows.client.origins import origin_of
from flows.client.retry import retry_after_seconds, worth_retrying
from mappings.errors import SourceError

# The words a message may repeat, with what they mean here. Any other text of a server could hold anything.
_MEANING: Mapping[str, str] = {
    "invalid_request": "it cannot read the request",
    "invalid_client": "it does not accept the client id with this key or secret",
    "invalid_grant": "it does not accept the assertion",
    "unauthorized_client": "the client may not ask for tokens in this way",
    "unsupported_grant_type": "it gives no tokens to backend services",
    "invalid_scope": "it does not give the scopes asked for",
    "access_denied": "the client is not allowed in",
    "invalid_target": "it does not give tokens for this server",
}
_PASSING = frozenset({"temporarily_unavailable", "server_error"})
TIME_MAY_BE_WHY = frozenset({"invalid_client", "invalid_grant", "invalid_request"})


@dataclass(frozen=True)
class Token:
    """An access token. ``lifetime`` in seconds and ``scopes`` are None where the server does not say (usably)."""

    value: str = field(repr=False)
    lifetime: float | None
    scopes: frozenset[str] | None


def error_code(answer: Answer) -> str | None:
    """The OAuth error code of an answer; ``unknown`` for a word not known here, None when there is none."""
    code = answer.document().get("error")
    if not isinstance(code, str):
        return None
    return code if code in _MEANING or code in _PASSING else "unknown"


def token_in(answer: Answer, now: datetime, *, had_one: bool) -> Token:
    """The token of an answer. ``had_one``: this endpoint has given us a token before.

    Raises:
        TransientFault: worth asking again: 429, 5xx, a page of HTML, a bare 400 from an endpoint that has given tokens.
        SourceError: refused, by the OAuth error code where there is a known one.
    """
    where = f"the token endpoint on {origin_of(answer.url)}"
    code = error_code(answer)
    if code in _PASSING:
        raise TransientFault(f"token-{code}", answer.status, retry_after_seconds(answer.headers, now))
    if worth_retrying(answer.status):
        raise TransientFault(f"token-http-{answer.status}", answer.status, retry_after_seconds(answer.headers, now))
    if code is not None:
        meaning = _MEANING.get(code)
        raise SourceError(
            f"{where} refuses with {code}: {meaning}" if meaning else f"{where} refuses ({answer.status})"
        )
    if 300 <= answer.status < 400:
        raise SourceError(f"{where} redirects, which is not followed: say its last address as token_endpoint in auth")
    if answer.status == 400 and had_one:
        # Epic does this now and then to a client it has let in before.
        raise TransientFault("token-http-400", 400)
    if answer.status not in (200, 201):
        raise SourceError(f"{where} answered {answer.status} and no OAuth error code")
    return _token(answer, where)


def _token(answer: Answer, where: str) -> Token:
    document = answer.document()
    value = document.get("access_token")
    if value is None:
        raise TransientFault("token-html" if answer.body.lstrip()[:1] == b"<" else "token-missing", answer.status)
    if not isinstance(value, str) or not usable_token(value):
        raise SourceError(f"{where} gives a token that cannot stand in a header")
    kind = document.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise SourceError(f"{where} gives a token that is no bearer token")
    return Token(value, _seconds(document.get("expires_in")), _scopes(document.get("scope")))


def _scopes(value: object) -> frozenset[str] | None:
    """RFC 6749, 5.1: left out, it means what was asked for."""
    return frozenset(value.split()) if isinstance(value, str) and value.strip() else None


def _seconds(value: object) -> float | None:
    """A lifetime; some servers write the number as a text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None

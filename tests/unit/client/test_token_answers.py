"""What a token endpoint may answer. Oracle: RFC 6749, 5.1 and 5.2, and issue 5's list of faults: a refusal is exit 3
and names the OAuth error code only, what may pass is for the retry rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from flows.client.auth.sender import Answer
from flows.client.auth.token_answers import Token, token_in
from flows.client.faults import TransientFault
from mappings.errors import SourceError

CANARY = "canary-5ecret"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
GOOD = {"access_token": CANARY, "token_type": "bearer", "expires_in": 300, "scope": "system/*.read"}


def answer(said: Any, status: int = 200, **headers: str) -> Answer:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Answer(status, "https://auth.example/token?tenant=7", CaseInsensitiveDict(headers), body)


def read(said: Any, status: int = 200, had_one: bool = False, **headers: str) -> Token:
    return token_in(answer(said, status, **headers), NOW, had_one=had_one)


def test_a_token_is_read_and_not_shown() -> None:
    token = read(GOOD)
    assert (token.value, token.lifetime, token.scopes) == (CANARY, 300, {"system/*.read"})
    assert CANARY not in f"{token!r} {answer(GOOD)!r}"


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (300, 300.0),
        ("3600", 3600.0),
        (0.5, 0.5),
        *((odd, None) for odd in (None, 0, -5, True, "soon", [], float("nan"), float("inf"), "1e999", 10**400)),
    ],
    ids=range(13),
)
def test_a_lifetime_is_a_positive_number_or_not_known(expires_in: object, lifetime: float | None) -> None:
    assert read({**GOOD, "expires_in": expires_in}).lifetime == lifetime
    assert read({"access_token": CANARY}).lifetime is None


def test_scope_and_type_may_be_left_out_and_the_type_is_in_any_case() -> None:
    assert read({"access_token": CANARY, "token_type": "Bearer"}).scopes is None
    assert read({"access_token": CANARY, "scope": ""}).scopes is None


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ({"error": "invalid_client", "error_description": CANARY}, 400, "refuses with invalid_client: it does not acc"),
        ({"error": "invalid_client"}, 401, "refuses with invalid_client"),
        ({"error": "invalid_grant"}, 400, "refuses with invalid_grant"),
        ({"error": "invalid_scope"}, 400, "refuses with invalid_scope: it does not give the scopes"),
        ({"error": "invalid_client"}, 200, "refuses with invalid_client"),
        ({"error": CANARY}, 400, r"refuses \(400\)"),
        ({}, 400, "answered 400 and no OAuth error code"),
        (b"<html>", 401, "answered 401"),
        (b"", 404, "answered 404"),
        (b"", 307, "redirects, which is not followed"),
        ({**GOOD, "token_type": "DPoP"}, 200, "no bearer token"),
        ({**GOOD, "token_type": 7}, 200, "no bearer token"),
        ({**GOOD, "access_token": f"{CANARY}\r\nX-Other: 1"}, 200, "cannot stand in a header"),
        ({**GOOD, "access_token": ""}, 200, "cannot stand in a header"),
        ({**GOOD, "access_token": {"of": CANARY}}, 200, "cannot stand in a header"),
    ],
    ids=range(15),
)
def test_a_refusal_is_exit_3_and_says_the_code_and_nothing_else_of_the_answer(
    said: Any, status: int, words: str
) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        read(said, status)
    assert caught.value.exit_code == 3
    assert "https://auth.example:443" in str(caught.value)
    assert CANARY not in str(caught.value)
    assert "tenant" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        (b"", 429, "token-http-429"),
        (b"", 503, "token-http-503"),
        ({"error": "invalid_client"}, 500, "token-http-500"),
        ({"error": "temporarily_unavailable"}, 400, "token-temporarily_unavailable"),
        (b"  <!DOCTYPE html>", 200, "token-html"),
        (b'{"access_token": "cut', 200, "token-missing"),
        ({}, 200, "token-missing"),
        ([], 200, "token-missing"),
    ],
    ids=range(8),
)
def test_what_may_pass_is_worth_asking_again(said: Any, status: int, reason: str) -> None:
    with pytest.raises(TransientFault) as caught:
        read(said, status, **{"Retry-After": "7"})
    assert caught.value.reason == reason
    assert caught.value.retry_after == (7 if status != 200 else None)


def test_a_bare_400_is_passing_only_where_tokens_were_given_before() -> None:
    with pytest.raises(TransientFault, match="token-http-400"):
        read(b"", 400, had_one=True)
    with pytest.raises(SourceError, match="invalid_client"):
        read({"error": "invalid_client"}, 400, had_one=True)

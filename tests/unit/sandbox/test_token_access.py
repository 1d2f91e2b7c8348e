"""The sandbox's token endpoint. Oracle: SMART App Launch 2.2, "Client Authentication: Asymmetric", what a server must
check of an assertion; RFC 7523, 3; RFC 6749, 2.3.1 and 5.2. Assertions are made by joserfc, not by Bedside's client."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from flows.sandbox.registration import public_keys, smart_access
from flows.sandbox.server import serve
from flows.sandbox.tokens import RegisteredClient, TokenAccess
from mappings.errors import DefinitionError

EC = ECKey.generate_key("P-384", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER = ECKey.generate_key("P-384", {"kid": "ec"})
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NOW = 1_800_000_000
MISSING = "missing"
_JTI = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TokenAccess, str]]:
    """A sandbox whose clock stands still, and its address."""
    data = tmp_path_factory.mktemp("data")
    (data / "Patient.ndjson").write_text('{"resourceType":"Patient","id":"p"}\n')
    jwks = {"keys": [key.as_dict(private=False) for key in (EC, RSA)]}
    clients = {
        "bedside": RegisteredClient(jwks=jwks, jku="https://b.example/jwks"),
        "narrow": RegisteredClient(jwks=jwks, scopes=("system/Patient.rs",)),
        "se cret": RegisteredClient(secret="p:ss wört"),
    }
    access = TokenAccess(clients, clock=lambda: NOW, token_lifetime=60)
    with serve(data, access=access) as base:
        yield access, base


def assertion(base: str, key: Any = EC, header: Mapping[str, Any] | None = None, **changed: Any) -> str:
    endpoint = base.removesuffix("/fhir") + "/auth/token"
    claims = {"iss": "bedside", "sub": "bedside", "aud": endpoint, "exp": NOW + 300, "jti": f"{next(_JTI)}", **changed}
    claims = {name: value for name, value in claims.items() if value != MISSING}
    head = {"alg": "RS384" if key is RSA else "ES384", "kid": key.kid, "typ": "JWT", **(header or {})}
    head = {name: value for name, value in head.items() if value != MISSING}
    return jwt.encode(head, claims, key, algorithms=[head["alg"]])


def ask(base: str, signed: str | None, headers: Mapping[str, str] | None = None, **changed: str) -> requests.Response:
    form = {"grant_type": "client_credentials", "scope": "system/*.read"}
    if signed is not None:
        form |= {"client_assertion_type": JWT_BEARER, "client_assertion": signed}
    form = {name: value for name, value in {**form, **changed}.items() if value != MISSING}
    return requests.post(base.removesuffix("/fhir") + "/auth/token", data=form, headers=headers, timeout=20)


@pytest.mark.parametrize("key", [EC, RSA], ids=["ES384", "RS384"])
def test_a_good_assertion_gets_a_token_that_lets_in(server: tuple[TokenAccess, str], key: Any) -> None:
    _, base = server
    found = requests.get(f"{base}/.well-known/smart-configuration", timeout=20).json()
    assert found["token_endpoint"] == base.removesuffix("/fhir") + "/auth/token"
    reply = ask(base, assertion(base, key))
    said = reply.json()
    assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "no-store")
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("bearer", 60, "system/*.read")
    bearer = {"Authorization": f"Bearer {said['access_token']}"}
    assert requests.get(f"{base}/Patient", headers=bearer, timeout=20).status_code == 200
    for refused in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {said['access_token']}"}):
        assert requests.get(f"{base}/Patient", headers=refused, timeout=20).status_code == 401


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"iss": "narrow"}, "iss and sub"),
        ({"sub": "narrow"}, "iss and sub"),
        ({"iss": MISSING}, "iss is missing"),
        ({"iss": "stranger", "sub": "stranger"}, "not known"),
        ({"aud": "https://else.example/token"}, "aud"),
        ({"aud": MISSING}, "aud"),
        ({"exp": NOW}, "exp is past"),
        ({"exp": NOW - 1}, "exp is past"),
        ({"exp": NOW + 301}, "exp is more than 300 s ahead"),
        ({"exp": NOW + 10.5}, "exp is not a whole number"),
        ({"exp": MISSING}, "exp is not a whole number"),
        ({"nbf": NOW + 1}, "nbf lies in the future"),
        ({"iat": NOW + 1}, "iat lies in the future"),
        ({"jti": MISSING}, "jti is missing"),
        ({"jti": ""}, "jti is missing"),
        ({"header": {"kid": "unknown"}}, "kid is not registered"),
        ({"header": {"kid": MISSING}}, "kid is not registered"),
        ({"header": {"kid": "rsa"}}, "signature"),
        ({"header": {"typ": "at+jwt"}}, "typ"),
        ({"header": {"jku": "https://evil.example/jwks"}}, "jku"),
        ({"key": OTHER}, "signature"),
    ],
    ids=range(21),
)
def test_an_assertion_that_breaks_a_rule_is_invalid_client(
    server: tuple[TokenAccess, str], changed: dict[str, Any], rule: str
) -> None:
    access, base = server
    reply = ask(base, assertion(base, **changed))
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_client")
    assert rule in access.refusals[-1]


@pytest.mark.parametrize(
    "changed",
    [{"exp": NOW + 1}, {"nbf": NOW}, {"iat": NOW}, {"header": {"jku": "https://b.example/jwks"}}],
    ids=range(4),
)
def test_the_edge_of_a_rule_holds(server: tuple[TokenAccess, str], changed: dict[str, Any]) -> None:
    _, base = server
    assert ask(base, assertion(base, **changed)).status_code == 200


def test_other_algorithms_are_refused(server: tuple[TokenAccess, str]) -> None:
    access, base = server
    unsigned = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none", "typ": "JWT", "kid": "ec"}, {"iss": "bedside", "sub": "bedside", "exp": NOW + 9})
    )
    shared = jwt.encode(
        {"alg": "HS256", "kid": "ec", "typ": "JWT"},
        {"iss": "bedside"},
        OctKey.import_key("k" * 32),
        algorithms=["HS256"],
    )
    weaker = assertion(base, RSA, header={"alg": "RS256"})
    for made in (f"{unsigned}.", shared, weaker, "no.jwt", ""):
        assert ask(base, made).json()["error"] == "invalid_client", made[:5]
    assert access.refusals[-3:] == [
        "alg is neither RS384 nor ES384",
        "the assertion is no JWT",
        "the assertion is no JWT",
    ]


def test_an_assertion_holds_once(server: tuple[TokenAccess, str]) -> None:
    access, base = server
    made = assertion(base)
    assert ask(base, made).status_code == 200
    assert ask(base, made).json()["error"] == "invalid_client"
    assert access.refusals[-1] == "jti was seen before"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"grant_type": MISSING}, "unsupported_grant_type"),
        ({"client_assertion_type": "saml"}, "invalid_request"),
        ({"scope": MISSING}, "invalid_scope"),
    ],
    ids=range(4),
)
def test_the_rest_of_the_form_is_read_as_well(
    server: tuple[TokenAccess, str], changed: dict[str, str], error: str
) -> None:
    _, base = server
    reply = ask(base, assertion(base), **changed)
    assert (reply.status_code, reply.json()["error"]) == (400, error)


def test_fewer_scopes_may_be_granted_than_asked(server: tuple[TokenAccess, str]) -> None:
    _, base = server
    assert ask(base, assertion(base, iss="narrow", sub="narrow")).json()["scope"] == "system/Patient.rs"


def test_a_secret_comes_in_the_header_form_encoded_or_in_the_form(server: tuple[TokenAccess, str]) -> None:
    _, base = server
    basic = {"Authorization": "Basic " + base64.b64encode(b"se+cret:p%3Ass+w%C3%B6rt").decode()}
    assert ask(base, None, basic).status_code == 200
    assert ask(base, None, client_id="se cret", client_secret="p:ss wört").status_code == 200
    wrong = {"Authorization": "Basic " + base64.b64encode(b"se+cret:wrong").decode()}
    for reply in (ask(base, None, wrong), ask(base, None, {"Authorization": "Basic !"}), ask(base, None)):
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
        assert "WWW-Authenticate" in reply.headers


def test_tokens_end_by_the_servers_clock_and_when_it_forgets_them() -> None:
    at = [0.0]
    access = TokenAccess({"c": RegisteredClient(secret="s")}, clock=lambda: at[0], token_lifetime=60)

    def token() -> str:
        form = {"grant_type": ["client_credentials"], "client_id": ["c"], "client_secret": ["s"]}
        return f"Bearer {access.answer(form, None, 'https://here')['access_token']}"

    first = token()
    at[0] = 59.9
    assert access.allows(first)
    at[0] = 60
    assert not access.allows(first)
    second = token()
    assert access.allows(second)
    access.end_tokens()
    assert not access.allows(second)


@pytest.mark.parametrize("skew", [0.0, 7200.0])
def test_every_answer_is_dated_by_the_servers_clock(tmp_path: Path, skew: float) -> None:
    from email.utils import parsedate_to_datetime

    (tmp_path / "Patient.ndjson").write_text('{"resourceType":"Patient","id":"p"}\n')
    access = TokenAccess({}, clock_skew=skew)
    with serve(tmp_path, access=access) as base:
        before = access.now()
        for path in ("/metadata", "/Patient", "/.well-known/smart-configuration"):
            dates = requests.get(base + path, timeout=20).raw.headers.getlist("Date")
            assert len(dates) == 1
            # uvicorn makes its own Date once a second; a header has no fractions.
            assert before - 3 <= parsedate_to_datetime(dates[0]).timestamp() <= access.now() + 1


def test_a_client_registers_by_a_file_of_its_keys(tmp_path: Path) -> None:
    jwks, jwk, no_kid = tmp_path / "jwks", tmp_path / "jwk", tmp_path / "no-kid"
    jwks.write_text(json.dumps({"keys": [EC.as_dict(private=True), RSA.as_dict(private=False)]}))
    jwk.write_text(json.dumps(RSA.as_dict(private=False)))
    no_kid.write_text(json.dumps({k: v for k, v in EC.as_dict(private=False).items() if k != "kid"}))
    assert [set(key) for key in public_keys(jwks)["keys"]] == [
        {"kty", "crv", "x", "y", "kid"},
        {"kty", "n", "e", "kid"},
    ]
    assert smart_access("bedside", jwk) is not None
    assert smart_access(None, None) is None
    for client, file in (("bedside", None), (None, jwk)):
        with pytest.raises(DefinitionError, match="belong together"):
            smart_access(client, file)
    for file in (no_kid, tmp_path / "none"):
        with pytest.raises(DefinitionError, match="must be a JWKS"):
            smart_access("bedside", file)

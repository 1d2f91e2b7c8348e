"""Keys and assertions of SMART Backend Services. Oracle: SMART App Launch 2.2, "Client Authentication: Asymmetric", as
`flows.sandbox.assertions` judges it from the registered public key, and joserfc's own reading of the header."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from flows.client.auth.signing import LIFETIME, signing_key
from flows.sandbox.assertions import AssertionRefusedError, checked_claims
from mappings.errors import DefinitionError

EC = ECKey.generate_key("P-384", {"kid": "ec-1"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
ENDPOINT = "https://auth.example/token"
NOW = 1_800_000_000.0


def private(key: ECKey | RSAKey, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=True), **more}


def public(key: ECKey | RSAKey) -> dict[str, Any]:
    return key.as_dict(private=False)


def pem(key: ECKey | RSAKey) -> str:
    return key.as_pem(private=True).decode()


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in names}


@pytest.mark.parametrize(
    ("text", "kid", "registered", "algorithm"),
    [
        (json.dumps(private(EC)), None, "ec-1", "ES384"),
        (json.dumps(private(RSA)), None, "rsa-1", "RS384"),
        (json.dumps({"keys": [public(RSA), private(EC)]}), None, "ec-1", "ES384"),
        (json.dumps({"keys": [private(RSA), private(EC)]}), "rsa-1", "rsa-1", "RS384"),
        (json.dumps({"keys": [private(RSA, use="enc"), private(EC, use="sig")]}), None, "ec-1", "ES384"),
        (json.dumps({"keys": [private(EC, key_ops=["sign"]), public(EC)]}), None, "ec-1", "ES384"),
        (json.dumps(without(private(EC), "kid")), "as-registered", "as-registered", "ES384"),
        (pem(EC), "as-registered", "as-registered", "ES384"),
        (pem(RSA), "as-registered", "as-registered", "RS384"),
    ],
    ids=["jwk-ec", "jwk-rsa", "jwks", "jwks-by-kid", "jwks-by-use", "jwks-by-key-ops", "jwk-kid", "pem-ec", "pem-rsa"],
)
def test_every_form_of_key_signs_under_its_registered_kid(
    text: str, kid: str | None, registered: str, algorithm: str
) -> None:
    assertion = signing_key(text, kid).assertion("bedside", ENDPOINT, NOW)
    header = jws.extract_compact(assertion.encode()).headers()
    assert header == {"typ": "JWT", "alg": algorithm, "kid": registered}
    jwks = {"keys": [{**public(EC if algorithm == "ES384" else RSA), "kid": registered}]}
    assert checked_claims(assertion, "bedside", jwks, None, ENDPOINT, NOW)[1] == NOW + LIFETIME


def test_an_assertion_has_the_five_claims_and_no_other_time_and_a_jti_of_its_own() -> None:
    key = signing_key(json.dumps(private(EC)))
    first, second = (
        json.loads(jws.extract_compact(key.assertion("bedside", ENDPOINT, NOW + 0.9).encode()).payload) for _ in "ab"
    )
    assert set(first) == {"iss", "sub", "aud", "exp", "jti"}
    assert (first["iss"], first["sub"], first["aud"]) == ("bedside", "bedside", ENDPOINT)
    assert type(first["exp"]) is int
    assert first["jti"] != second["jti"]


def test_jku_stands_in_the_header_where_the_sites_file_says_so() -> None:
    jku = "https://bedside.example/jwks.json"
    assertion = signing_key(json.dumps(private(EC))).assertion("b", ENDPOINT, NOW, jku)
    assert jws.extract_compact(assertion.encode()).headers()["jku"] == jku
    assert checked_claims(assertion, "b", {"keys": [public(EC)]}, jku, ENDPOINT, NOW)
    with pytest.raises(AssertionRefusedError, match="jku"):
        checked_claims(assertion, "b", {"keys": [public(EC)]}, None, ENDPOINT, NOW)


@given(ahead=st.floats(-(300 - LIFETIME), LIFETIME - 1))
def test_an_assertion_holds_over_minutes_of_skew_without_any_correction(ahead: float) -> None:
    assertion = signing_key(json.dumps(private(EC))).assertion("b", ENDPOINT, NOW)
    assert checked_claims(assertion, "b", {"keys": [public(EC)]}, None, ENDPOINT, NOW + ahead)


SHORT = generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ENCRYPTED = EC.raw_value.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")).decode()


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize(
    ("text", "kid", "words"),
    [
        ("no key at all", None, "neither a JWK, a JWKS nor"),
        ("[1]", None, "neither a JWK, a JWKS nor"),
        (ENCRYPTED, "k", "without passphrase"),
        (EC.as_pem(private=False).decode(), "k", "private key in PEM"),
        (pem(EC), None, "PEM form needs the kid"),
        (json.dumps(public(EC)), None, "a public key cannot sign"),
        (json.dumps({"keys": []}), None, "holds no private"),
        (json.dumps({"keys": "x"}), None, "holds no private"),
        (json.dumps({"kty": "oct", "k": "c2VjcmV0", "d": "x"}), None, "holds no private"),
        (json.dumps(private(EC, use="enc")), None, "holds no private"),
        (json.dumps(private(EC, key_ops=["verify"])), None, "holds no private"),
        (json.dumps(private(EC)), "another", "no private key of that kid"),
        (json.dumps({"keys": [private(RSA), private(EC)]}), None, "say by kid"),
        (json.dumps({"keys": [private(RSA), private(EC)]}), "another", "no private key of that kid"),
        (json.dumps(without(private(EC), "kid")), None, "does not say the kid"),
        (json.dumps(without(private(EC), "x")), None, "not whole"),
        (json.dumps(private(EC, d="!")), None, "not whole"),
        (json.dumps(private(RSA, alg="RS256")), None, "another algorithm than RS384"),
        (json.dumps(private(ECKey.generate_key("P-256", {"kid": "k"}))), None, "P-384"),
        (SHORT, "k", "2048 bits"),
    ],
    ids=range(20),
)
def test_a_key_that_cannot_be_used_is_told_without_a_part_of_it(text: str, kid: str | None, words: str) -> None:
    with pytest.raises(DefinitionError, match=words) as caught:
        signing_key(text, kid)
    chain: list[BaseException] = []
    each: BaseException | None = caught.value
    while each is not None:
        chain.append(each)
        each = each.__cause__ or each.__context__
    said = " ".join(repr(one) for one in chain)
    assert EC.as_dict(private=True)["d"] not in said
    assert "PRIVATE KEY" not in said


def test_a_key_shows_nothing_and_is_not_pickled() -> None:
    key = signing_key(json.dumps(private(EC)))
    assert repr(key) == "SigningKey()"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)

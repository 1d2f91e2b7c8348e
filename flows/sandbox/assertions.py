"""Whether a client assertion holds, judged as strictly as the specification allows.

Source: SMART App Launch 2.2, "Client Authentication: Asymmetric (public key)", the server's obligations; RFC 7523, 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ALGORITHMS = ("RS384", "ES384")
LONGEST_AHEAD = 300


class AssertionRefusedError(Exception):
    """The rule an assertion breaks; the text names claims, never their values."""


def client_id_in(assertion: str) -> str:
    """Who an assertion says it is from, before anything of it is believed."""
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        claims = _json(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError) as error:
        raise AssertionRefusedError("the assertion is no JWT") from error
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise AssertionRefusedError("iss is missing")
    return issuer


def checked_claims(
    assertion: str, client_id: str, jwks: Mapping[str, Any], jku: str | None, audience: str, now: float
) -> tuple[str, float]:
    """The jti of an assertion that holds, and when it ends (seconds since 1970); whether it was seen before is the
    caller's to know.

    ``jwks`` and ``jku`` are what the client registered, ``audience`` the token endpoint's own address, ``now`` by the
    server's clock.

    Raises:
        AssertionRefusedError: naming the rule broken.
    """
    from joserfc import jws, jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    try:
        header = jws.extract_compact(assertion.encode()).headers()
    except (JoseError, ValueError) as error:
        raise AssertionRefusedError("the assertion is no JWT") from error
    _require(header.get("alg") in ALGORITHMS, "alg is neither RS384 nor ES384")
    _require(header.get("typ") == "JWT", "typ is not JWT")
    _require("jku" not in header or header["jku"] == jku, "jku is not the registered one")
    found = [key for key in jwks.get("keys", []) if key.get("kid") == header.get("kid")]
    _require("kid" in header and len(found) == 1, "kid is not registered")
    try:
        claims = jwt.decode(assertion, JWKRegistry.import_key(dict(found[0])), algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError) as error:
        raise AssertionRefusedError("the signature does not hold") from error
    _require(claims.get("iss") == client_id and claims.get("sub") == client_id, "iss and sub are not the client id")
    _require(claims.get("aud") == audience, "aud is not the address of the token endpoint")
    end = claims.get("exp")
    if not isinstance(end, int) or isinstance(end, bool):
        raise AssertionRefusedError("exp is not a whole number")
    _require(end > now, "exp is past")
    _require(end <= now + LONGEST_AHEAD, f"exp is more than {LONGEST_AHEAD} s ahead")
    for name in ("nbf", "iat"):
        if name in claims:
            _require(isinstance(claims[name], (int, float)) and claims[name] <= now, f"{name} lies in the future")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise AssertionRefusedError("jti is missing")
    return jti, float(end)


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise AssertionRefusedError(rule)


def _json(payload: bytes) -> dict[str, Any]:
    import orjson

    found = orjson.loads(payload)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found

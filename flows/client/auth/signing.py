"""The private key of SMART Backend Services and the assertions it signs.

Source: SMART App Launch 2.2, "Client Authentication: Asymmetric (public key)"; RFC 7523. The cryptography is joserfc's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows.client.auth.headers import NotPickled
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

ALGORITHMS = ("RS384", "ES384")
# The guide allows 300 s. Keycloak takes an assertion without iat only up to 60 s ahead, and there is no iat in ours,
# because a clock that goes a second ahead makes it one of the future. 45 s leave room for skew on both sides.
LIFETIME = 45
_SMALLEST_RSA = 2048


class SigningKey(NotPickled):
    """A private key with the ``kid`` under which its public half is registered, and its ``algorithm``."""

    def __init__(self, key: RSAKey | ECKey, kid: str, algorithm: str) -> None:
        self._key, self.kid, self.algorithm = key, kid, algorithm

    def __repr__(self) -> str:
        return "SigningKey()"

    def assertion(self, client_id: str, audience: str, now: float, jku: str | None = None) -> str:
        """A signed JWT that says who asks. ``now`` is seconds since 1970 by the clock of who will judge it.

        No nbf and no iat: neither is asked for, and both break where our clock is ahead. Every assertion has a jti of
        its own, because a server refuses one it has seen.
        """
        from joserfc import jwt

        header = {"typ": "JWT", "alg": self.algorithm, "kid": self.kid}
        if jku is not None:
            header["jku"] = jku
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "exp": int(now) + LIFETIME,
            "jti": uuid.uuid4().hex,
        }
        # joserfc refuses these two unless they are named.
        return jwt.encode(header, claims, self._key, algorithms=list(ALGORITHMS))


def signing_key(text: str, kid: str | None = None) -> SigningKey:
    """The key in a text: a JWK, a JWKS, or PEM (which holds no ``kid``, so it must be given).

    Raises:
        DefinitionError: there is no private key for RS384 or ES384, or it is not clear which, or under which kid it is
            registered. The message repeats nothing of the text.
    """
    try:
        document: Any = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, Mapping):
        return _from_jwk(_chosen(document, kid), kid)
    key = _imported(text)
    if key is None:
        raise DefinitionError("auth.key: is neither a JWK, a JWKS nor a private key in PEM form without passphrase")
    if kid is None:
        raise DefinitionError("auth.kid: a key in PEM form needs the kid under which it is registered")
    return SigningKey(key, kid, _algorithm_of(key))


def _chosen(document: Mapping[str, Any], kid: str | None) -> Mapping[str, Any]:
    """The JWK meant: the one of that kid, or the only private key for signing."""
    listed = document.get("keys", [document])
    keys = [key for key in listed if isinstance(key, Mapping)] if isinstance(listed, list) else []
    private = [key for key in keys if "d" in key and _for_signing(key)]
    if not private:
        raise DefinitionError("auth.key: holds no private RSA or EC key for signing (a public key cannot sign)")
    named = [key for key in private if kid is None or key.get("kid") in (kid, None)]
    exact = [key for key in named if kid is not None and key.get("kid") == kid] or named
    if not exact:
        raise DefinitionError("auth.kid: no private key of that kid is in the key file")
    if len(exact) > 1:
        raise DefinitionError("auth.kid: several keys are in the key file; say by kid which of them is registered")
    return exact[0]


def _for_signing(key: Mapping[str, Any]) -> bool:
    operations = key.get("key_ops")
    fits = operations is None or (isinstance(operations, list) and "sign" in operations)
    return key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig" and fits


def _from_jwk(jwk: Mapping[str, Any], kid: str | None) -> SigningKey:
    key = _imported(dict(jwk))
    if key is None:
        raise DefinitionError("auth.key: the JWK is not whole")
    registered = kid or jwk.get("kid")
    if not isinstance(registered, str) or not registered:
        raise DefinitionError("auth.kid: the key file does not say the kid under which the key is registered")
    algorithm = _algorithm_of(key)
    if jwk.get("alg", algorithm) != algorithm:
        raise DefinitionError(f"auth.key: the key is meant for another algorithm than {algorithm}")
    return SigningKey(key, registered, algorithm)


def _imported(material: str | dict[str, Any]) -> RSAKey | ECKey | None:
    """A private key, or None. The library's own errors may hold parts of the key, so they end here."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    for kind in (RSAKey, ECKey):
        try:
            key = kind.import_key(material)
            if key.is_private:
                return key
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return None


def _algorithm_of(key: RSAKey | ECKey) -> str:
    from joserfc.jwk import ECKey

    if isinstance(key, ECKey):
        if key.curve_name != "P-384":
            raise DefinitionError("auth.key: an EC key must be on the curve P-384 (ES384)")
        return "ES384"
    if key.raw_value.key_size < _SMALLEST_RSA:
        raise DefinitionError(f"auth.key: an RSA key must have at least {_SMALLEST_RSA} bits")
    return "RS384"

"""Registering one client of SMART Backend Services with the sandbox, as ``bedside sandbox`` is told to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.sandbox.tokens import RegisteredClient, TokenAccess
from mappings.errors import DefinitionError


def smart_access(client_id: str | None, key_file: Path | None) -> TokenAccess | None:
    """Access for one client; None where neither is given.

    Raises:
        DefinitionError: only one of the two is given, or the file holds no key with a kid.
    """
    if client_id is None and key_file is None:
        return None
    if client_id is None or key_file is None:
        raise DefinitionError("--smart-client and --smart-key belong together")
    return TokenAccess({client_id: RegisteredClient(jwks=public_keys(key_file))})


def public_keys(key_file: Path) -> dict[str, Any]:
    """The public halves of the keys in a file (a JWKS or a JWK), as a JWKS. A private key given by mistake is not
    kept."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, JWKRegistry, RSAKey

    keys: list[dict[str, Any]] = []
    try:
        document = json.loads(key_file.read_text(encoding="utf-8"))
        listed = document.get("keys", [document]) if isinstance(document, Mapping) else []
        for jwk in listed:
            key = JWKRegistry.import_key(dict(jwk))
            if isinstance(key, (RSAKey, ECKey)) and key.kid:
                keys.append(key.as_dict(private=False))
    except (OSError, ValueError, TypeError, JoseError):
        keys = []
    if not keys:
        raise DefinitionError("--smart-key: the file must be a JWKS (or a JWK) of RSA or EC keys, each with its kid")
    return {"keys": keys}

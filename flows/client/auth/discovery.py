"""Where the token endpoint of a FHIR server is, by what the server itself says.

``.well-known/smart-configuration`` first (SMART App Launch 2.2, "Conformance"), then the extension ``oauth-uris`` of
the CapabilityStatement, which is the older way. Only ``token_endpoint`` is needed of either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from flows.client.auth.sender import Sender
from flows.client.faults import TransientFault
from flows.client.origins import Origins, origin_of
from flows.client.retry import worth_retrying
from mappings.errors import SourceError

_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def discovered(origins: Origins, sender: Sender) -> str:
    """The address of the token endpoint.

    Raises:
        TransientFault: a document could not be had, and may be the next time.
        SourceError: the server names none, or one on an origin that the sites file does not name: whoever can change
            what a server says about itself would otherwise be sent what proves who we are.
    """
    base = origins.base.rstrip("/")
    unclear: TransientFault | None = None
    for path, accept, read in (
        ("/.well-known/smart-configuration", "application/json", _of_configuration),
        ("/metadata", "application/fhir+json", _of_statement),
    ):
        try:
            answer = sender.get(base + path, accept)
        except TransientFault as fault:
            unclear = unclear or fault
            continue
        if worth_retrying(answer.status):
            # Some servers answer 500 to any path they do not know, so the other document is asked for first.
            unclear = unclear or TransientFault(f"token-discovery-http-{answer.status}", answer.status)
        address = read(answer.document()) if answer.status == 200 else None
        if address is not None:
            return _allowed(urljoin(answer.url, address), origins)
    if unclear is not None:
        raise unclear
    raise SourceError(
        f"{origins.base} names no token endpoint (neither in .well-known/smart-configuration nor in its "
        "CapabilityStatement): say token_endpoint in auth"
    )


def _allowed(address: str, origins: Origins) -> str:
    if origins.permission(address) != "not-named":
        return address
    where = origin_of(address)
    if where is None:
        raise SourceError(f"{origins.base} names a token endpoint that is no http or https address")
    raise SourceError(
        f"{origins.base} names a token endpoint on {where}, which the sites file does not name: "
        "put it into other_origins, or say token_endpoint in auth"
    )


def _of_configuration(document: Mapping[str, Any]) -> str | None:
    return _text(document.get("token_endpoint"))


def _of_statement(document: Mapping[str, Any]) -> str | None:
    for rest in _tables(document.get("rest")):
        security = rest.get("security")
        for uris in _tables(security.get("extension") if isinstance(security, Mapping) else None):
            if uris.get("url") != _OAUTH_URIS:
                continue
            for one in _tables(uris.get("extension")):
                if one.get("url") == "token":
                    return _text(one.get("valueUri"))
    return None


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

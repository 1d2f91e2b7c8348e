"""How the sandbox answers: FHIR bodies with their headers, and refusals that become OperationOutcomes."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from flows.sandbox import bundles
from flows.sandbox.parameters import KNOWN_TYPES
from flows.sandbox.server import BASE_PATH
from flows.sandbox.store import Store, TypeTable

FHIR_JSON = "application/fhir+json; charset=utf-8"


class RefusalError(Exception):
    """What the server does not do: status, R4 issue type and a sentence that repeats no value of the request."""

    def __init__(self, status: int, code: str, diagnostics: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.code, self.diagnostics, self.headers = status, code, diagnostics, headers


def fhir(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A FHIR body as JSON."""
    return Response(body, status, headers, media_type=FHIR_JSON)


def refused(refusal: RefusalError) -> Response:
    """The OperationOutcome of a refusal."""
    return fhir(bundles.outcome("error", refusal.code, refusal.diagnostics), refusal.status, refusal.headers)


def base_of(request: Request) -> str:
    """The FHIR base address as the client sees it."""
    return f"{request.url.scheme}://{request.url.netloc}{BASE_PATH}"


def known_table(store: Store, request: Request) -> TypeTable:
    """The table of the type in the address. Raises RefusalError (404) for a type that is not known."""
    resource_type = request.path_params["type"]
    if resource_type not in KNOWN_TYPES and resource_type not in store.tables:
        raise RefusalError(404, "not-supported", "This resource type is not known here.")
    return store.table(resource_type)

"""The Starlette application of the sandbox: routes, statuses and headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib import metadata
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flows.sandbox import bundles, search
from flows.sandbox.access import Access
from flows.sandbox.pages import ExpiredPageError, Pages, Search
from flows.sandbox.parameters import KNOWN_TYPES
from flows.sandbox.search import Pairs
from flows.sandbox.server import BASE_PATH, Limits
from flows.sandbox.store import Store, TypeTable
from flows.sandbox.tokens import TokenAccess

Handler = Callable[[Request], Awaitable[Response]]
_PAGE = "_page"


class _RefusalError(Exception):
    def __init__(self, status: int, code: str, diagnostics: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.diagnostics, self.headers = status, code, diagnostics, headers


def application(store: Store, access: Access | TokenAccess | None, limits: Limits) -> Starlette:
    """The ASGI application over a store, with the FHIR base at ``/fhir``."""
    server = _Server(store, access, limits)
    routes = [
        *(access.routes(BASE_PATH) if isinstance(access, TokenAccess) else ()),
        Route(BASE_PATH + "/metadata", server.guard(server.metadata, open_to_all=True), methods=["GET"]),
        Route(BASE_PATH, server.guard(server.page), methods=["GET"]),
        Route(BASE_PATH + "/{type}/_search", server.guard(server.search), methods=["POST", "GET"]),
        Route(BASE_PATH + "/{type}/{id}", server.guard(server.read), methods=["GET"]),
        Route(BASE_PATH + "/{type}", server.guard(server.search), methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error, Exception: _defect})


class _Server:
    def __init__(self, store: Store, access: Access | TokenAccess | None, limits: Limits) -> None:
        self.store, self.access, self.limits = store, access, limits
        self.pages = Pages(limits.page_lifetime)
        self.started = datetime.now(UTC)

    def guard(self, handler: Handler, open_to_all: bool = False) -> Handler:
        """Check the credentials, and turn a refusal into an OperationOutcome."""

        async def guarded(request: Request) -> Response:
            if self.access and not open_to_all and not self.access.allows(request.headers.get("authorization")):
                challenge = {"WWW-Authenticate": self.access.challenge}
                return _refused(_RefusalError(401, "login", "Credentials are missing or not accepted.", challenge))
            try:
                return await handler(request)
            except _RefusalError as refusal:
                return _refused(refusal)
            except search.SearchError as error:
                return _refused(_RefusalError(400, "invalid", str(error)))

        return guarded

    async def metadata(self, request: Request) -> Response:
        try:
            version = metadata.version("bedside")
        except metadata.PackageNotFoundError:
            version = "unknown"
        return _fhir(bundles.capability_statement(self.store, _base(request), self.started, version))

    async def read(self, request: Request) -> Response:
        table = self._table(request)
        row = table.row_of_id.get(request.path_params["id"])
        if row is None:
            raise _RefusalError(404, "not-found", f"There is no {table.resource_type} of this id.")
        text = table.text(row)
        version = (orjson.loads(text).get("meta") or {}).get("versionId")
        return _fhir(text, headers={"ETag": f'W/"{version}"'} if version else None)

    async def search(self, request: Request) -> Response:
        table = self._table(request)
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        if request.method == "POST":
            pairs += parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        strict = "handling=strict" in request.headers.get("prefer", "").replace(" ", "")
        return await run_in_threadpool(self._first_page, table, pairs, strict, _base(request))

    async def page(self, request: Request) -> Response:
        token = request.query_params.get(_PAGE)
        if token is None:
            raise _RefusalError(400, "not-supported", "Searches name a resource type here.")
        try:
            name, kept, offset = self.pages.open(token)
        except ExpiredPageError:
            raise _RefusalError(410, "processing", "This page is not known or has expired; search again.") from None
        return await run_in_threadpool(self._page, _base(request), kept, name, offset)

    def _table(self, request: Request) -> TypeTable:
        resource_type = request.path_params["type"]
        if resource_type not in KNOWN_TYPES and resource_type not in self.store.tables:
            raise _RefusalError(404, "not-supported", "This resource type is not known here.")
        return self.store.table(resource_type)

    def _first_page(self, table: TypeTable, pairs: Pairs, strict: bool, base: str) -> Response:
        query = search.parse(table, pairs, strict)
        rows = search.find(table, query)
        if query.count_only or query.count == 0:
            total = None if query.total == "none" else len(rows)
            return _fhir(bundles.searchset([("self", _self_link(base, query))], [], total))
        size = min(query.count or self.limits.page_size, self.limits.max_page_size)
        name = self.pages.keep(query, rows, size) if len(rows) > size else ""
        return self._page(base, Search(query, rows, size, 0.0), name, 0)

    def _page(self, base: str, found: Search, name: str, offset: int) -> Response:
        query, table = found.query, self.store.table(found.query.resource_type)
        rows = found.rows[offset : offset + found.page_size].tolist()
        texts = [table.text(row) for row in rows]
        ids = [orjson.loads(text).get("id") for text in texts]
        shown = [bundles.summary_of(query.resource_type, text) for text in texts] if query.ids_only else texts
        entries = [
            bundles.entry(text, base, query.resource_type, resource_id, "match")
            for text, resource_id in zip(shown, ids, strict=True)
        ]
        if query.includes or query.revincludes:
            matched = {(query.resource_type, resource_id) for resource_id in ids if resource_id}
            for resource_type, row in search.included(self.store, query, texts, matched):
                text = self.store.table(resource_type).text(row)
                entries.append(bundles.entry(text, base, resource_type, orjson.loads(text).get("id"), "include"))
        links = [("self", _self_link(base, query))]
        if offset + found.page_size < len(found.rows):
            links.append(("next", f"{base}?{_PAGE}={self.pages.token(name, offset + found.page_size)}"))
        total = None if query.total == "none" else len(found.rows)
        return _fhir(bundles.searchset(links, entries, total))


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{BASE_PATH}"


def _self_link(base: str, query: search.Query) -> str:
    applied = urlencode(query.applied, safe="|:/,")
    return f"{base}/{query.resource_type}{'?' + applied if applied else ''}"


def _fhir(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/fhir+json; charset=utf-8")


def _refused(refusal: _RefusalError) -> Response:
    return _fhir(bundles.outcome("error", refusal.code, refusal.diagnostics), refusal.status, refusal.headers)


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not-found", 405: "not-supported"}.get(status, "processing")
    return _fhir(bundles.outcome("error", code, "There is nothing at this address, or not by this method."), status)


async def _defect(_: Request, error: Exception) -> Response:
    return _fhir(bundles.outcome("fatal", "exception", f"The sandbox failed: {type(error).__name__}."), 500)

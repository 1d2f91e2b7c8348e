"""The Starlette application of the sandbox: routes, statuses and headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
from flows.sandbox.answers import RefusalError, base_of, fhir, known_table, refused
from flows.sandbox.bulk.routes import BulkServer
from flows.sandbox.page_parts import REWRITE, PageParts, Rewrite
from flows.sandbox.pages import PAGE, ExpiredPageError, PastVersions, Search
from flows.sandbox.past import PastServer, history_page
from flows.sandbox.search import Pairs, Query
from flows.sandbox.server import BASE_PATH
from flows.sandbox.state import State
from flows.sandbox.store import TypeTable
from flows.sandbox.tokens import TokenAccess

Handler = Callable[[Request], Awaitable[Response]]


def application(state: State) -> Starlette:
    """The ASGI application over what a sandbox holds, with the FHIR base at ``/fhir``."""
    access = state.access
    server = _Server(state)
    past = PastServer(state)
    bulk = BulkServer(state.store, state.history, state.jobs, state.access)
    routes = [
        *(access.routes(BASE_PATH) if isinstance(access, TokenAccess) else ()),
        Route(BASE_PATH + "/metadata", server.guard(server.metadata, open_to_all=True), methods=["GET"]),
        Route(BASE_PATH, server.guard(server.page), methods=["GET"]),
        *bulk.routes(server.guard),
        Route(BASE_PATH + "/{type}/_search", server.guard(server.search), methods=["POST", "GET"]),
        Route(BASE_PATH + "/{type}/_history", server.guard(past.of_type), methods=["GET"]),
        Route(BASE_PATH + "/{type}/{id}/_history", server.guard(past.of_instance), methods=["GET"]),
        Route(BASE_PATH + "/{type}/{id}/_history/{version}", server.guard(past.read), methods=["GET"]),
        Route(BASE_PATH + "/{type}/{id}", server.guard(server.read), methods=["GET"]),
        Route(BASE_PATH + "/{type}", server.guard(server.search), methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error, Exception: _defect})


class _Server:
    def __init__(self, state: State) -> None:
        self.state = state
        self.store, self.access, self.limits, self.pages = state.store, state.access, state.limits, state.pages

    def guard(self, handler: Handler, open_to_all: bool = False) -> Handler:
        """Check the credentials, and turn a refusal into an OperationOutcome."""

        async def guarded(request: Request) -> Response:
            if self.access and not open_to_all and not self.access.allows(request.headers.get("authorization")):
                challenge = {"WWW-Authenticate": self.access.challenge}
                return refused(RefusalError(401, "login", "Credentials are missing or not accepted.", challenge))
            try:
                return await handler(request)
            except RefusalError as refusal:
                return refused(refusal)
            except search.SearchError as error:
                return refused(RefusalError(400, "invalid", str(error)))

        return guarded

    async def metadata(self, request: Request) -> Response:
        try:
            version = metadata.version("bedside")
        except metadata.PackageNotFoundError:
            version = "unknown"
        started = self.state.history.started
        return fhir(bundles.capability_statement(self.store, base_of(request), started, version))

    async def read(self, request: Request) -> Response:
        table = known_table(self.store, request)
        resource_id = request.path_params["id"]
        row = table.row_of_id.get(resource_id)
        if row is None:
            if self.state.history.is_deleted(table.resource_type, resource_id):
                raise RefusalError(410, "deleted", f"This {table.resource_type} was deleted.")
            raise RefusalError(404, "not-found", f"There is no {table.resource_type} of this id.")
        text = table.text(row)
        version = (orjson.loads(text).get("meta") or {}).get("versionId")
        return fhir(text, headers={"ETag": f'W/"{version}"'} if version else None)

    async def search(self, request: Request) -> Response:
        table = known_table(self.store, request)
        if PAGE in request.query_params:
            return await self.page(request)  # where a client reads a relative ``next`` against the search
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        if request.method == "POST":
            pairs += parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        strict = "handling=strict" in request.headers.get("prefer", "").replace(" ", "")
        # A first search may make an index, which takes long; a further page takes less than handing it to a thread.
        rewrite = request.scope.get(REWRITE)
        return await run_in_threadpool(self._first_page, table, pairs, strict, base_of(request), rewrite)

    async def page(self, request: Request) -> Response:
        token = request.query_params.get(PAGE)
        if token is None:
            raise RefusalError(400, "not-supported", "Searches name a resource type here.")
        try:
            name, kept, offset = self.pages.open(token)
        except ExpiredPageError:
            raise RefusalError(410, "processing", "This page is not known or has expired; search again.") from None
        if isinstance(kept, PastVersions):
            return history_page(self.state, base_of(request), kept, name, offset)
        rewrite = request.scope.get(REWRITE)
        if kept.query.includes or kept.query.revincludes:
            return await run_in_threadpool(self._page, base_of(request), kept, name, offset, rewrite)
        return self._page(base_of(request), kept, name, offset, rewrite)

    def _first_page(self, table: TypeTable, pairs: Pairs, strict: bool, base: str, rewrite: Rewrite | None) -> Response:
        query = search.parse(table, pairs, strict)
        rows = search.find(table, query)
        if query.count_only or query.count == 0:
            total = None if query.total == "none" else len(rows)
            return fhir(bundles.bundle("searchset", [("self", _self_link(base, query))], [], total))
        found = Search(query, rows, min(query.count or self.limits.page_size, self.limits.max_page_size))
        name = self.pages.keep(found) if len(rows) > found.page_size else ""
        return self._page(base, found, name, 0, rewrite)

    def _page(self, base: str, found: Search, name: str, offset: int, rewrite: Rewrite | None) -> Response:
        query, table = found.query, self.store.table(found.query.resource_type)
        rows = found.rows[offset : offset + found.page_size].tolist()
        included = self._included(query, table, rows) if query.includes or query.revincludes else []
        total = None if query.total == "none" else len(found.rows)

        def address(start: int) -> str:
            return f"{base}?{PAGE}={self.pages.token(name, start)}"

        links = {"self": _self_link(base, query)}
        if offset + found.page_size < len(found.rows):
            links["next"] = address(offset + found.page_size)
        if rewrite is None:
            pieces = bundles.entries(table, rows, base, "match", query.ids_only)
            for other, row in included:
                pieces += bundles.entries(other, [row], base, "include")
            return fhir(bundles.bundle("searchset", links.items(), pieces, total))

        def entry(one: TypeTable, row: int, mode: str) -> bytes:
            return b"".join(bundles.entries(one, [row], base, mode, query.ids_only and mode == "match"))

        def earlier(count: int) -> list[bytes]:
            before = found.rows[max(0, offset - count) : offset].tolist()
            return [entry(table, row, "match") for row in before]

        shown = [entry(table, row, "match") for row in rows]
        shown += [entry(other, row, "include") for other, row in included]
        of = [*((table, row) for row in rows), *included]
        parts = PageParts(
            number=offset // found.page_size + 1,
            offset=offset,
            links=links,
            entries=shown,
            keys=[f"{one.resource_type}/{one.id_of_row[row]}" for one, row in of],
            total=total,
            earlier=earlier,
            address=address if name else None,
        )
        rewrite(parts)
        return fhir(bundles.bundle("searchset", parts.links.items(), parts.entries, parts.total))

    def _included(self, query: Query, table: TypeTable, rows: list[int]) -> list[tuple[TypeTable, int]]:
        matched = {(query.resource_type, one) for row in rows if (one := table.id_of_row[row])}
        found = search.included(self.store, query, [table.text(row) for row in rows], matched)
        return [(self.store.table(resource_type), row) for resource_type, row in found]


def _self_link(base: str, query: Query) -> str:
    applied = urlencode(query.applied, safe="|:/,")
    return f"{base}/{query.resource_type}{'?' + applied if applied else ''}"


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not-found", 405: "not-supported"}.get(status, "processing")
    return fhir(bundles.outcome("error", code, "There is nothing at this address, or not by this method."), status)


async def _defect(_: Request, error: Exception) -> Response:
    return fhir(bundles.outcome("fatal", "exception", f"The sandbox failed: {type(error).__name__}."), 500)

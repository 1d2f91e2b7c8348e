"""The past over HTTP: ``_history`` of a type and of one resource, and the read of one version."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flows.sandbox import bundles
from flows.sandbox.answers import RefusalError, base_of, fhir, known_table
from flows.sandbox.history import Version
from flows.sandbox.instants import interval_of_text
from flows.sandbox.pages import PAGE, PastVersions
from flows.sandbox.state import State


class PastServer:
    """Answers questions about earlier versions."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def of_type(self, request: Request) -> Response:
        """Every version of a type, newest first; ``_since`` is an instant (inclusive), ``_count`` the page size."""
        table = known_table(self.state.store, request)
        since = request.query_params.get("_since", "")
        if since and interval_of_text(since) is None:
            raise RefusalError(400, "invalid", "_since is no instant.")
        versions = await run_in_threadpool(self.state.history.of_type, table.resource_type, since)
        return self._answer(request, table.resource_type, versions)

    async def of_instance(self, request: Request) -> Response:
        """Every version of one resource, newest first, also of a deleted one."""
        table = known_table(self.state.store, request)
        versions = self.state.history.of_instance(table.resource_type, request.path_params["id"])
        if not versions:
            raise RefusalError(404, "not-found", f"There is no {table.resource_type} of this id.")
        return self._answer(request, table.resource_type, versions)

    async def read(self, request: Request) -> Response:
        """One version of a resource; 410 where that version is its deletion."""
        table = known_table(self.state.store, request)
        versions = self.state.history.of_instance(table.resource_type, request.path_params["id"])
        for version in versions:
            if version.version == request.path_params["version"]:
                if version.method == "DELETE":
                    raise RefusalError(410, "deleted", f"This {table.resource_type} was deleted.")
                return fhir(table.text(version.row), headers={"ETag": f'W/"{version.version}"'})
        raise RefusalError(404, "not-found", f"There is no {table.resource_type} of this id and version.")

    def _answer(self, request: Request, resource_type: str, versions: Sequence[Version]) -> Response:
        limits = self.state.limits
        count = request.query_params.get("_count", str(limits.page_size))
        if not count.isdecimal() or int(count) < 1:
            raise RefusalError(400, "invalid", "_count is a whole number from 1")
        size = min(int(count), limits.max_page_size)
        found = PastVersions(resource_type, tuple(versions), size, str(request.url))
        name = self.state.pages.keep(found) if len(versions) > size else ""
        return history_page(self.state, base_of(request), found, name, 0)


def history_page(state: State, base: str, found: PastVersions, name: str, offset: int) -> Response:
    """One page of a history Bundle."""
    shown = found.versions[offset : offset + found.page_size]
    links = [("self", found.address)]
    if offset + found.page_size < len(found.versions):
        links.append(("next", f"{base}?{PAGE}={state.pages.token(name, offset + found.page_size)}"))
    entries = [bundles.version_entry(state.store, base, version) for version in shown]
    return fhir(bundles.bundle("history", links, entries, len(found.versions)))

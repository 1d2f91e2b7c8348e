"""The requests of an export: kick-off, status, ending a job, and the files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flows.sandbox.access import Access
from flows.sandbox.answers import RefusalError, base_of, fhir
from flows.sandbox.bulk import kickoff, selection
from flows.sandbox.bulk.file_answer import file_answer
from flows.sandbox.bulk.jobs import Job, Jobs
from flows.sandbox.bulk.kickoff import Kickoff, Level
from flows.sandbox.bulk.manifest import manifest
from flows.sandbox.history import History
from flows.sandbox.server import BASE_PATH
from flows.sandbox.store import Store
from flows.sandbox.tokens import TokenAccess

Handler = Callable[[Request], Awaitable[Response]]
STATUS_PATH = BASE_PATH + "/$export-status"
_LEVELS: tuple[tuple[str, Level], ...] = (
    ("/$export", "system"),
    ("/Patient/$export", "patient"),
    ("/Group/{group}/$export", "group"),
)


class BulkServer:
    """Answers the requests of exports."""

    def __init__(self, store: Store, history: History, jobs: Jobs, access: Access | TokenAccess | None) -> None:
        self.store, self.history, self.jobs, self.access = store, history, jobs, access
        self.settings = jobs.settings

    def routes(self, guard: Callable[..., Handler]) -> list[Route]:
        """The routes, each behind ``guard``; files stand behind it only where they require a token."""
        status = guard(self.status)
        file = guard(self.file, open_to_all=not self._requires_access_token())
        return [
            *(
                Route(BASE_PATH + path, guard(self._kick_off(level)), methods=["GET", "POST"])
                for path, level in _LEVELS
            ),
            Route(STATUS_PATH + "/{job}", status, methods=["GET", "DELETE"]),
            Route(self.settings.file_path + "/{job}/{address}/{number:int}/{name}", file, methods=["GET"]),
        ]

    def _kick_off(self, level: Level) -> Handler:
        async def handler(request: Request) -> Response:
            return await self.kick_off(request, level)

        return handler

    async def kick_off(self, request: Request, level: Level) -> Response:
        """202 with the address to ask for the status."""
        preferences = {part.strip() for part in request.headers.get("prefer", "").split(",")}
        if "respond-async" not in preferences:
            raise RefusalError(400, "invalid", "An export wants the header Prefer: respond-async.")
        posted = request.method == "POST"
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        if posted:
            pairs += kickoff.posted_pairs(await request.body())
        if self.settings.one_at_a_time and self.jobs.running():
            raise RefusalError(429, "throttled", "Another export is under way.", self._waiting())
        asked = Kickoff(level, str(request.url.replace(query="") if posted else request.url))
        asked.group = request.path_params.get("group", "")
        lenient = "handling=lenient" in preferences
        fresh = "no-cache" in request.headers.get("cache-control", "")
        job = await run_in_threadpool(self._begin, asked, pairs, posted, lenient, fresh)
        place = f"{STATUS_PATH}/{job.id}"
        absolute = base_of(request).removesuffix(BASE_PATH) + place
        shown = place if self.settings.relative_location else absolute
        return Response(status_code=202, headers={"Content-Location": shown})

    def _begin(self, asked: Kickoff, pairs: list[tuple[str, str]], posted: bool, lenient: bool, fresh: bool) -> Job:
        if asked.level == "group" and self.history.is_deleted("Group", asked.group):
            raise RefusalError(410, "deleted", "This Group was deleted.")
        kickoff.understand(self.store, asked, pairs, posted=posted, lenient=lenient)
        if self.settings.reuse_equal and not fresh and (there := self.jobs.equal_to(asked)):
            return there
        chosen, gone, at = self._snapshot(asked)
        return self.jobs.begin(asked, chosen, gone, at, self._requires_access_token())

    def _snapshot(self, asked: Kickoff) -> tuple[selection.Selection, list[tuple[str, str]], datetime]:
        """What the export holds, and the moment of which this is true."""
        with self.history.still():
            chosen = selection.select(self.store, asked, self.settings.since_inclusive)
            report = bool(asked.since) and self.settings.deleted
            gone = selection.deleted(self.store, self.history, asked) if report else []
            return chosen, gone, self.history.seal()

    async def status(self, request: Request) -> Response:
        """The progress, the manifest, or that the export failed; DELETE ends it."""
        job = self.jobs.get(request.path_params["job"])
        if request.method == "DELETE":
            finished = job.polls_left <= 0
            self.jobs.end(job.id)
            if finished and self.settings.delete_status == 404:
                raise RefusalError(404, "not-found", "This export is finished.")
            return Response(status_code=202)
        if job.failed is not None:
            return fhir(job.failed, 500)
        if job.polls_left > 0:
            job.polls_left -= 1
            return Response(status_code=202, headers={**self._waiting(), **self._progress(job)})
        page = request.query_params.get("page", "1")
        if not page.isdecimal() or int(page) < 1:
            raise RefusalError(400, "invalid", "page is a whole number from 1")
        address = base_of(request).removesuffix(BASE_PATH) + f"{STATUS_PATH}/{job.id}"
        expires = self.jobs.clock.now() + timedelta(seconds=self.settings.file_lifetime)
        return Response(
            manifest(self.jobs, job, address, int(page)),
            headers={"Expires": format_datetime(expires, usegmt=True)},
            media_type="application/json",
        )

    async def file(self, request: Request) -> Response:
        """One file of a finished export."""
        number = request.path_params["number"]
        job, file = self.jobs.file(request.path_params["job"], request.path_params["address"], number)
        if not job.requires_access_token and "authorization" in request.headers:
            raise RefusalError(400, "security", "This file wants no credentials (requiresAccessToken is false).")
        path = await run_in_threadpool(self.jobs.path, job, number)
        tag = f'"{job.id}-{number}-{file.kind}"'
        return file_answer(path, tag, self.settings)

    def _requires_access_token(self) -> bool:
        said = self.settings.requires_access_token
        return self.access is not None if said is None else said

    def _waiting(self) -> dict[str, str]:
        return {} if self.settings.retry_after is None else {"Retry-After": self.settings.retry_after}

    def _progress(self, job: Job) -> dict[str, str]:
        if not self.settings.progress:
            return {}
        done = self.settings.polls - job.polls_left
        return {"X-Progress": f"{100 * done // (self.settings.polls + 1)}% complete"}

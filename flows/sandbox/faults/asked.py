"""What a request asks for, as a fault waits for it: the kind, the resource type, the number of page or file."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import Scope

from flows.sandbox.answers import RefusalError
from flows.sandbox.bulk.routes import STATUS_PATH
from flows.sandbox.faults.catalogue import Kind, On
from flows.sandbox.pages import PAGE, ExpiredPageError, PastVersions
from flows.sandbox.server import BASE_PATH
from flows.sandbox.state import State


@dataclass(frozen=True)
class Asked:
    """A request. ``number`` is the page of its search or the file of its type, from 1; 0 where there is none."""

    kind: Kind
    type: str = ""
    number: int = 0
    id: str = ""
    job: str = ""


def matches(asked: Asked, on: On) -> bool:
    """Whether a fault that waits for ``on`` is meant."""
    if on == "any":
        return True
    return asked.kind == on or (on == "page" and asked.kind in ("first-page", "later-page"))


def describe(state: State, scope: Scope) -> Asked:
    """What an HTTP request asks of the sandbox."""
    path = str(scope["path"])
    query = parse_qs(scope["query_string"].decode("latin-1"))
    if path == BASE_PATH or PAGE in query:
        return _page(state, query.get(PAGE, [""])[0])
    if path.startswith(STATUS_PATH + "/"):
        return _status(state, scope["method"], path.removeprefix(STATUS_PATH + "/"))
    if path.startswith(state.jobs.settings.file_path + "/"):
        return _file(state, path.removeprefix(state.jobs.settings.file_path + "/"))
    parts = path.removeprefix(BASE_PATH + "/").split("/")
    match parts:
        case ["metadata"]:
            return Asked("metadata")
        case [*_, "$export"]:
            return Asked("kick-off")
        case [*_, ".well-known", "smart-configuration"]:
            return Asked("discovery")
        case [*_, "token"]:
            return Asked("token")
        case [type_] | [type_, "_search"]:
            counts = "count" in query.get("_summary", ()) or "0" in query.get("_count", ())
            return Asked("count", type_) if counts else Asked("first-page", type_, 1)
        case [type_, "_history"] | [type_, _, "_history"] | [type_, _, "_history", _]:
            return Asked("history", type_)
        case [type_, id_]:
            return Asked("read", type_, id=id_)
    return Asked("other")


def _page(state: State, token: str) -> Asked:
    try:
        _, found, offset = state.pages.open(token)
    except ExpiredPageError:
        return Asked("later-page")
    if isinstance(found, PastVersions):
        return Asked("history", found.resource_type)
    return Asked("later-page", found.resource_type, offset // found.page_size + 1)


def _status(state: State, method: str, job_id: str) -> Asked:
    if method == "DELETE":
        return Asked("cancel", job=job_id)
    try:
        job = state.jobs.get(job_id)
    except RefusalError:
        return Asked("status")
    return Asked("status" if job.polls_left > 0 else "manifest", job=job_id)


def _file(state: State, rest: str) -> Asked:
    parts = rest.split("/")
    if len(parts) == 4 and parts[2].isdecimal():
        try:
            _, file = state.jobs.file(parts[0], parts[1], int(parts[2]))
        except RefusalError:
            return Asked("file", job=parts[0])
        return Asked("file", file.resource_type, file.number, job=parts[0])
    return Asked("file")

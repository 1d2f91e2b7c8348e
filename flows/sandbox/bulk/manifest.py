"""The manifest of a finished export as JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson

from flows.sandbox.bulk.jobs import ExportFile, Job, Jobs, Kind
from flows.sandbox.clock import instant


def manifest(jobs: Jobs, job: Job, status_address: str, page: int) -> bytes:
    """One page (from 1) of a job's manifest, with fresh addresses of its files.

    ``status_address`` is absolute: further pages are addressed by it, files by its scheme and host.
    """
    settings = jobs.settings
    size = settings.manifest_files or len(job.files) or 1
    shown = range(len(job.files))[(page - 1) * size : page * size]
    name = jobs.new_address(job)
    prefix = f"{_origin(status_address, settings.file_host)}{settings.file_path}/{job.id}/{name}"
    body: dict[str, Any] = {
        "transactionTime": instant(job.transaction_time),
        "request": job.asked.url,
        "requiresAccessToken": job.requires_access_token,
    }
    kinds: tuple[Kind, ...] = ("output", "deleted", "error")
    for kind in kinds:
        items = [_item(jobs, job, number, prefix) for number in shown if job.files[number].kind == kind]
        if items or (settings.empty_lists and (kind != "deleted" or settings.deleted)):
            body[settings.error_name if kind == "error" else kind] = items
    if page * size < len(job.files):
        body["link"] = [{"relation": "next", "url": f"{status_address}?page={page + 1}"}]
    return orjson.dumps(body)


def _item(jobs: Jobs, job: Job, number: int, prefix: str) -> dict[str, Any]:
    file = job.files[number]
    item: dict[str, Any] = {"type": file.resource_type, "url": _address(prefix, number, file)}
    if jobs.settings.counts != "none":
        item["count"] = file.count if jobs.settings.counts == "number" else str(file.count)
    following = number + 1
    if jobs.settings.continues_in_file and following < len(job.files):
        after = job.files[following]
        if (after.kind, after.resource_type) == (file.kind, file.resource_type):
            item["continuesInFile"] = _address(prefix, following, after)
    return item


def _address(prefix: str, number: int, file: ExportFile) -> str:
    # Files of one type end alike, as on some servers: a client that names its files so would lose all but one.
    return f"{prefix}/{number}/{file.resource_type}.ndjson"


def _origin(address: str, other_host: str) -> str:
    parts = urlsplit(address)
    host = parts.netloc
    if other_host:
        host = other_host + (f":{parts.port}" if parts.port else "")
    return f"{parts.scheme}://{host}"

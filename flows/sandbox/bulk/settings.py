"""How the sandbox exports: everything in which servers differ, as one frozen object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BulkSettings:
    """How ``$export`` behaves. Lifetimes are in seconds of the sandbox's clock.

    lines_per_file: resources in one file; a type with more has several files.
    polls: answers 202 before the export is done.
    retry_after: the header of these answers; None leaves it out.
    progress: whether they have ``X-Progress``.
    relative_location: ``Content-Location`` without scheme and host.
    file_path: path of the files, outside the FHIR base where it does not begin with ``/fhir``.
    file_host: another host name in the files' addresses (``localhost``): the same server, another origin.
    file_lifetime: how long an address of a manifest works; the manifest fetched again has fresh ones.
    expired_status: the answer of an address that works no longer, 404 or 410.
    job_lifetime: how long a job is known.
    validators: the headers by which a file can be resumed safely.
    ranges: whether a part of a file can be asked for.
    compress: whether files are sent as gzip where the client accepts it.
    counts: ``count`` of the manifest as the number it should be, as text, or not at all.
    manifest_files: files in one manifest; more go on a further one (``link`` next, as STU 3 has it).
    continues_in_file: whether a file names the one that goes on with its type (as STU 3 has it).
    deleted: whether deletions are reported where ``_since`` was given.
    deleted_per_bundle: deletions in one Bundle, which is one line.
    error_name: ``error``, or ``outcome`` as in newer drafts.
    empty_lists: whether ``output``, ``deleted`` and ``error`` are there when empty.
    requires_access_token: None says true where the sandbox asks for credentials. Where it is false, a file that is
        asked for with credentials answers 400, as signed storage does.
    since_inclusive: whether ``_since`` finds what has just this time (HAPI) or only what is later (the guide).
    delete_status: the answer when a job is ended, 202; HAPI says 404 of a finished one.
    one_at_a_time: 429 while another job runs.
    reuse_equal: an equal kick-off is given the job that is there, unless it says ``Cache-Control: no-cache`` (HAPI).
    """

    lines_per_file: int = 10_000
    polls: int = 1
    retry_after: str | None = "1"
    progress: bool = True
    relative_location: bool = False
    file_path: str = "/fhir/$export-files"
    file_host: str = ""
    file_lifetime: float = 7_200.0
    expired_status: Literal[404, 410] = 404
    job_lifetime: float = 86_400.0
    validators: Literal["both", "etag", "last-modified", "none"] = "both"
    ranges: bool = True
    compress: bool = True
    counts: Literal["number", "text", "none"] = "number"
    manifest_files: int | None = None
    continues_in_file: bool = False
    deleted: bool = True
    deleted_per_bundle: int = 50
    error_name: Literal["error", "outcome"] = "error"
    empty_lists: bool = True
    requires_access_token: bool | None = None
    since_inclusive: bool = False
    delete_status: Literal[202, 404] = 202
    one_at_a_time: bool = False
    reuse_equal: bool = False

"""The act of signing a run's report, and what a run's report is now: MASKED, DRAFT or SIGNED."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flows.job import Job, as_it_lies
from flows.release import person, release_of
from flows.run_folder import RunFolder, now
from flows.signatures import (
    Signature,
    Standing,
    add_signature,
    hashes_of,
    noted_report,
    read_signatures,
    standing,
    state_of,
)
from mappings.errors import DefinitionError


@dataclass(frozen=True)
class State:
    """MASKED, DRAFT or SIGNED (``name``), the sentence beside it, and the signatures."""

    name: Literal["MASKED", "DRAFT", "SIGNED"]
    note: str
    signatures: tuple[Standing, ...]


def sign(job: Job, run: RunFolder, by: str, role: str) -> Signature:
    """Sign a run's report as it lies there, and write the page again with the signature on it.

    Raises:
        DefinitionError: there is no report, it is masked, it is not the page that was written or not that of the
            results, another command is at work in the run, the same person has signed the same in the same role, or a
            name is none.
    """
    from flows.steps.page import page_as_draft, write_page

    by, role = person(by, "--by"), person(role, "--role")
    with run.held():
        _require_report(job, run)
        noted = noted_report(run)
        if not noted:
            raise DefinitionError(f"{run.report} is not the page that was written; {_anew(run)}")
        if page_as_draft(job, run) != noted:
            raise DefinitionError(f"the report is not what this Bedside makes of the results; {_anew(run)}")
        over = hashes_of(run, job.folder.hashes, noted)
        for one in standing(run, over):
            if not one.void and (one.signature.by, one.signature.role) == (by, role):
                raise DefinitionError(f"{by} has signed this as {role} already, at {one.signature.at}")
        made = Signature(by, role, now(), over)
        add_signature(run, made)
        write_page(job, run)
    return made


def _require_report(job: Job, run: RunFolder) -> None:
    if job.comparison is None:
        raise DefinitionError("the study compares no treatments: there is no report to sign")
    if not run.done("report"):
        raise DefinitionError(f"there is no report to sign; make it with: bedside report {run.root}")
    if release_of(job, run).masked or run.read().get("masked"):
        raise DefinitionError(
            "the report is masked: a signature stands by a comparison, and it holds none; "
            "lock the study, then analyse and report"
        )


def _anew(run: RunFolder) -> str:
    return f"look at it again and sign it after: bedside report {run.root}"


def says_signed(run: RunFolder) -> bool:
    """Whether the page that lies in the folder calls itself signed, whatever holds now."""
    return run.report.exists() and b'class="state state-signed"' in run.report.read_bytes()


def state_now(run: RunFolder) -> State:
    """What the report of a run is now, by what lies there; nothing is written.

    A study that can no longer be read voids every signature, with the reason.
    """
    try:
        job = as_it_lies(run)
    except DefinitionError as error:
        reason = f"the study can no longer be read: {str(error).splitlines()[0]}"
        stand = tuple(Standing(one, (reason,)) for one in read_signatures(run))
        return State("MASKED" if run.read().get("masked") else "DRAFT", state_of(stand)[1], stand)
    # The hashes read every landed byte: only where somebody has signed.
    signed = read_signatures(run)
    stand = standing(run, hashes_of(run, job.folder.hashes, noted_report(run))) if signed else ()
    released = release_of(job, run)
    name, note = state_of(stand)
    if released.masked or run.read().get("masked"):
        return State("MASKED", "; ".join(said for said in (released.note, note if stand else "") if said), stand)
    return State(name, note, stand)

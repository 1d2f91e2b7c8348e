"""Who stands by the report of a run: the signatures in its folder, what each is over, and what has moved since.

    runs/<study>/<run>/signatures.json

A signature is over hashes: the study's files, the landed data by site, the files of results, and the report as it would
be rendered unsigned (``docs/release.md``). It holds as long as each of them is what it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from flows.fingerprints import data_as_it_lies, differences, sha256_of
from flows.run_folder import RunFolder, write_json
from mappings.errors import DefinitionError

FORMAT = 1
NOT_SIGNED = "nothing is signed yet"
_NAME = "signatures.json"
_RESULTS = ("results.csv", "results.parquet", "published.json")
_REPORT = "report"


@dataclass(frozen=True)
class Hashes:
    """What is signed, as SHA-256: ``study`` by file, ``data`` by site, ``results`` by file, ``report`` of the page
    rendered as DRAFT."""

    study: Mapping[str, str]
    data: Mapping[str, str]
    results: Mapping[str, str]
    report: str

    def moved(self, now: Hashes) -> tuple[str, ...]:
        """Sentences on what is not as it was."""
        return (
            *differences(self.study, now.study, "the study's file"),
            *differences(self.data, now.data, "the data of site"),
            *differences(self.results, now.results, "the results' file"),
            *differences({_REPORT: self.report}, {_REPORT: now.report}, "the"),
        )


@dataclass(frozen=True)
class Signature:
    """One person's signature. ``at`` is UTC."""

    by: str
    role: str
    at: str
    hashes: Hashes

    @property
    def who(self) -> str:
        return f"by {self.by} ({self.role}) at {self.at}"


@dataclass(frozen=True)
class Standing:
    """A signature and why it does not hold any more; ``void`` is empty where it does."""

    signature: Signature
    void: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Who signed, and what voids it."""
        if not self.void:
            return self.signature.who
        return f"the signature {self.signature.who} is void, since {'; '.join(self.void)}"


def hashes_of(run: RunFolder, study: Mapping[str, str], report: str) -> Hashes:
    """What a signature made now would be over; ``study`` and ``report`` are hashes that only the caller can know. Reads
    all landed bytes."""
    results = {name: sha for name in _RESULTS if (sha := sha256_of(run.results / name))}
    return Hashes(dict(study), data_as_it_lies(run), results, report)


def noted_report(run: RunFolder) -> str:
    """The hash of a run's report as DRAFT, as it was noted when the page was written; "" where the page that lies there
    is not that page."""
    noted = run.read().get("report_sha256", {})
    return str(noted["as_draft"]) if noted and sha256_of(run.report) == noted["page"] else ""


def read_signatures(run: RunFolder) -> tuple[Signature, ...]:
    """The signatures of a run in the order they were made. Raises `DefinitionError` where they cannot be read."""
    path = run.root / _NAME
    if not path.exists():
        return ()
    try:
        said = json.loads(path.read_bytes())
        if said["format"] != FORMAT:
            raise ValueError
        return tuple(Signature(**{**one, "hashes": Hashes(**one["hashes"])}) for one in said["signatures"])
    except (KeyError, TypeError, ValueError):
        raise DefinitionError(f"{path} holds no signatures of format {FORMAT}; move it away to sign anew") from None


def add_signature(run: RunFolder, signature: Signature) -> None:
    """Keep one signature more."""
    kept = [asdict(one) for one in (*read_signatures(run), signature)]
    write_json(run.root / _NAME, {"format": FORMAT, "signatures": kept})


def standing(run: RunFolder, now: Hashes) -> tuple[Standing, ...]:
    """Each signature of a run beside what has moved since."""
    return tuple(Standing(one, one.hashes.moved(now)) for one in read_signatures(run))


def state_of(stand: tuple[Standing, ...]) -> tuple[Literal["DRAFT", "SIGNED"], str]:
    """SIGNED or DRAFT, and the sentence beside it: who signed, and which signatures are void for which reason."""
    holding = [one.sentence for one in stand if not one.void]
    void = [one.sentence for one in stand if one.void]
    said = [", ".join(holding), *void] if holding else void or [NOT_SIGNED]
    return ("SIGNED" if holding else "DRAFT"), "; ".join(said)

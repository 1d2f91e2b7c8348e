"""What the servers serve: the public Synthea sample, once and several times over under other ids."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

# Those of the sample that every contender can fetch: smart-fetch knows no ImagingStudy and crawls by patient.
TYPES = ("Patient", "Condition", "Procedure", "Observation", "Encounter", "DiagnosticReport", "MedicationRequest")

_OWN = re.compile(rb'^\{"resourceType":"[A-Za-z]+","id":"([0-9a-z-]{36})"')
_PATIENT = re.compile(rb'"reference":"Patient/([0-9a-z-]{36})"')


# After f, the last of the digits that the sample's ids are made of.
_NO_DIGITS = b"ghijklmnopqrstuvwxyz"
MOST = len(_NO_DIGITS)


def lines(folder: Path, type_: str) -> Iterator[bytes]:
    """The resources of a type in a folder of NDJSON, plain or gzip, one a line without its end."""
    for path in (folder / f"{type_}.ndjson", folder / f"{type_}.ndjson.gz"):
        if path.exists():
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
                yield from (line.rstrip(b"\n") for line in stream)


def patient_of(line: bytes) -> str:
    """The id of the patient a resource of the sample is about, or an empty text."""
    found = _PATIENT.search(line)
    return found[1].decode() if found else ""


def id_of(line: bytes) -> str:
    """The id of a resource of the sample, which writes type and id first."""
    found = _OWN.match(line)
    if found is None:
        raise ValueError("a line of the sample does not begin with its type and id")
    return found[1].decode()


def copy(line: bytes, number: int) -> bytes:
    """A resource of the sample under another id and of another patient; copy 0 is the resource itself.

    The last digit of an id becomes a letter that no id of the sample has; ``number`` is at most `MOST`.
    """
    if number == 0:
        return line
    mark = _NO_DIGITS[number - 1 : number]

    def other(found: re.Match[bytes]) -> bytes:
        return found[0].replace(found[1], found[1][:-1] + mark)

    return _PATIENT.sub(other, _OWN.sub(other, line))


def write(sample: Path, folder: Path, copies: int) -> dict[str, int]:
    """``<Type>.ndjson`` of every type with so many copies of the sample; the number of resources by type.

    Raises:
        ValueError: two resources came to have one id.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for type_ in TYPES:
        seen: set[str] = set()
        with (folder / f"{type_}.ndjson").open("wb") as out:
            for number in range(copies):
                for line in lines(sample, type_):
                    made = copy(line, number)
                    if id_of(made) in seen:
                        raise ValueError(f"two {type_} resources have one id")
                    seen.add(id_of(made))
                    out.write(made + b"\n")
        counts[type_] = len(seen)
    return counts


def write_part(sample: Path, folder: Path, every: int) -> None:
    """``<Type>.ndjson`` of every type with the records of every so many-th patient of the sample."""
    folder.mkdir(parents=True, exist_ok=True)
    some = set(sorted(map(id_of, lines(sample, "Patient")))[::every])
    for type_ in TYPES:
        with (folder / f"{type_}.ndjson").open("wb") as out:
            for line in lines(sample, type_):
                if (id_of(line) if type_ == "Patient" else patient_of(line)) in some:
                    out.write(line + b"\n")

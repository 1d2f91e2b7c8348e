"""What a contender is asked to fetch. Standard library only: it is read in the environments of the peers too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """Every resource of ``types`` from the server at ``base``, into the empty folder ``out``.

    ``patients`` is a file with the ids of all patients, one a line, for those who crawl by patient.
    """

    base: str
    out: Path
    types: tuple[str, ...]
    page_size: int
    threads: int
    patients: Path

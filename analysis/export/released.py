"""The comparison as it may leave the site, with what a reader elsewhere must know of it; as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study.model import Study

FORMAT = 1
SUPPRESSED = "suppressed"
State = Literal["MASKED", "DRAFT", "SIGNED"]


@dataclass(frozen=True)
class Released:
    """``results`` as in ``results.csv``: suppressed, masked where they must be, with the rows that say so.

    ``hashes`` (study, code lists, views) and ``data`` (each site's) map a name to a SHA-256, ``versions`` a package to
    its version; ``recorded`` is the instant at which the run was begun.
    """

    results: pd.DataFrame
    state: State
    state_note: str
    outcome: str
    run: str
    recorded: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def as_json(study: Study, released: Released, synthetic_note: str | None) -> dict[str, Any]:
    """The comparison as plain data: ``format``, ``study``, ``state``, where it comes from, and ``results``.

    A result has the columns of the results table; ``value`` and ``n`` are null where there is none.
    """
    said = study.study
    return {
        "format": FORMAT,
        "study": {
            "id": said.id,
            "title": said.title,
            "question": said.question,
            "design": said.design,
            "protocol": said.protocol.model_dump(mode="json"),
            "arms": [arm.label for arm in study.arm],
            "data_cutoff": study.index.data_cutoff.isoformat(),
        },
        "data": said.data,
        "note": synthetic_note,
        "state": released.state,
        "state_note": released.state_note,
        "outcome": released.outcome,
        "run": released.run,
        "disclosure": {"min_count": study.disclosure.min_count, "reason": study.disclosure.reason},
        "hashes": {"definition": dict(released.hashes), "data": dict(released.data)},
        "versions": dict(released.versions),
        "results": list(records(released.results)),
    }


def records(results: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries of plain values; what is empty is None, a text is never."""
    kept = results.astype("object")
    rows = kept.where(kept.notna(), None).to_dict("records")
    return [{**{str(k): v for k, v in row.items()}, "n": None if row["n"] is None else int(row["n"])} for row in rows]

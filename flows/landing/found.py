"""What an extraction has learned so far: who is in the cohort, what is referred to, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analysis.plan import Phase, Search
from flows.client.faults import RequestFault
from flows.landing.manifest import Missing

Kind = Literal["patient", "event", "reference", "id", "along", "turned-down"]


@dataclass
class Found:
    """Ids stay on site; ``missing`` and ``warnings`` hold counts and names and go into the manifest.

    ``fresh`` are the ids learned since somebody last took them from there to keep them.
    """

    patients: set[str] = field(default_factory=set)
    without_patient: int = 0
    references: dict[str, set[str]] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)
    along: dict[str, set[str]] = field(default_factory=dict)
    events: dict[str, set[str]] = field(default_factory=dict)
    turned_down: dict[str, set[str]] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    warnings: list[dict[str, object]] = field(default_factory=list)
    faults: list[RequestFault] = field(default_factory=list)
    pages: int = 0
    exported: list[Phase] | None = None
    """The phases for which an export of changes is landed; None where there is no export of changes."""
    fresh: list[tuple[Kind, str, str]] = field(default_factory=list)

    def learn(self, kind: Kind, type_: str, id_: str) -> None:
        """Remember a patient of the cohort, an index event, the target of a reference, a resource that came when it
        was asked for by id, one that came along with others, or one that changed and is not asked for any more."""
        by_type = {
            "event": self.events,
            "reference": self.references,
            "id": self.ids,
            "along": self.along,
            "turned-down": self.turned_down,
        }
        known = self.patients if kind == "patient" else by_type[kind].setdefault(type_, set())
        if id_ not in known:
            known.add(id_)
            self.fresh.append((kind, type_, id_))

    def note(self, type_: str, id_: str, refers_to: Iterable[tuple[str, str]], by: str) -> None:
        """Remember what a landed resource refers to, and its own id where it was asked for ``by`` id."""
        if by == "_id":
            self.learn("id", type_, id_)
        for kind, key in refers_to:
            self.learn("reference", kind, key)

    def warn_without_patient(self) -> None:
        """Say how many index events name no patient that could be asked for."""
        if self.without_patient:
            self.warnings.append({"code": "index-without-patient", "n": self.without_patient})

    def warn_not_found(self, searches: Sequence[Search], keys: Callable[[str], Collection[str]]) -> None:
        """Say how many resources asked for by id the source does not have."""
        for search in searches:
            lacking = len(set(keys(search.type)) - self.ids.get(search.type, set())) if search.by == "_id" else 0
            if lacking:
                self.warnings.append({"code": "not-found-by-id", "type": search.type, "n": lacking})

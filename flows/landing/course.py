"""The course of an extract by search: about whom each phase asks, and in which parts. This one asks for everything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from analysis.plan import Phase, Search
from flows.client.fhir import FhirClient
from flows.landing.found import Found
from flows.landing.unfinished import Unfinished

Keys = Callable[[str], Collection[str]]
"""The ids that the searches of a phase are about, by resource type."""

Part = tuple[Search, Collection[str]]
"""A search, and the ids it is made for."""


class Course:
    """Takes part in an extract: before it, before and after each phase, and after all."""

    def begin(self, client: FhirClient, state: Unfinished, listed: frozenset[str]) -> None:
        """The server answers, and nothing has been asked for yet; ``state`` may be that of an extract gone on with.

        ``listed`` are the patients whose index events alone are asked for, where the sites file lists any.
        """
        del client, state
        self._only = listed

    def keys(self, phase: Phase, found: Found) -> Keys:
        """The ids a phase is about, as they are known when it begins."""
        patients = self._only if phase == "index" else frozenset(found.patients)
        references = {kind: frozenset(ids - found.along.get(kind, set())) for kind, ids in found.references.items()}
        return lambda type_: references.get(type_, frozenset()) if phase == "referenced" else patients

    def parts(self, search: Search, ids: Collection[str]) -> Iterable[Part]:
        """A search as it is to be made."""
        return [(search, ids)]

    def after(self, phase: Phase, searches: Sequence[Search]) -> Sequence[Part]:
        """What else is to be asked in this phase, after its ``searches``; the same answer every time in one extract."""
        del phase, searches
        return ()

    def end(self, found: Found, by_id: Iterable[tuple[Sequence[Search], Keys]]) -> None:
        """All has been asked: add what a reader should know to ``found``. ``by_id`` are the phases with ids."""
        found.warn_without_patient()
        for searches, keys in by_id:
            found.warn_not_found(searches, keys)

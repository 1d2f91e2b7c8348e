"""The codes of a run that no list of its study takes, by frequency, with what they might mean to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expectations.code_hints import Hint, hints
from flows.engines import connected
from flows.job import Job
from flows.run_folder import RunFolder
from flows.steps.tables import tables_of
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Coverage:
    """Codings of one view, and how many of them are of records that a list takes."""

    view: str
    codings: int
    taken: int


@dataclass(frozen=True)
class Untaken:
    """A coding whose records no list takes. ``display``: a text that enough patients share, else empty.

    ``local``: its system is none of the known ones, so that no list of standard codes can hold it. ``rare``: fewer
    patients have it than a code must have to be named off site.
    """

    view: str
    system: str
    code: str
    display: str
    local: bool
    rare: bool
    codings: int
    patients: int
    share: float
    sites: tuple[str, ...]
    hints: tuple[Hint, ...]


@dataclass(frozen=True)
class Codes:
    """All of a run: the untaken codings, local ones first, then by frequency."""

    coverage: tuple[Coverage, ...]
    untaken: tuple[Untaken, ...]


def codes_of(job: Job, run: RunFolder) -> Codes:
    """Look at the tables of a run; nothing after them needs to be done.

    Raises:
        DefinitionError: the study looks for no list, or the run has no tables.
    """
    from expectations.known_systems import known_to
    from expectations.table_profile import PROFILED, taken_by

    study = job.comparison
    if study is None:
        raise DefinitionError("the study has [population] and looks for no codes: there is nothing a list could take")
    if not run.done("map"):
        raise DefinitionError(f"{run.root} has no tables yet: bedside map makes them")
    lists = taken_by(study, job.folder.codes)
    known = known_to(job.folder.codes)
    coverage, found = [], []
    with connected() as con:
        tables = tables_of(con, run)
        for view in (name for name in PROFILED if PROFILED[name].coded and lists.get(name) and name in tables):
            codings, untaken = _view(tables[view], lists[view])
            if not codings:
                continue
            coverage.append(Coverage(view, codings, codings - int(untaken["n"].sum())))
            found += _untaken(job, view, codings, untaken, frozenset(known))
    found.sort(key=lambda one: (not one.local, -one.codings, one.view, one.system, one.code))
    return Codes(tuple(coverage), tuple(found))


def _view(table: Any, lists: Mapping[str, Any]) -> tuple[int, pd.DataFrame]:
    """Codings of a view, and the untaken ones: site, code_system, code, code_display, n, patients."""
    from expectations.table_profile import taken_records

    coded = table.filter(table.code.notnull())
    left = coded.anti_join(taken_records(table, lists), ["site", "id"])
    person = left.patient_id if "patient_id" in left.columns else left.id
    shown = left.select("site", "code_system", "code", "code_display", person=person)
    by_display = shown.group_by("site", "code_system", "code", "code_display").agg(
        n=shown.count(), patients=shown.person.nunique()
    )
    by_code = shown.group_by("site", "code_system", "code").agg(people=shown.person.nunique())
    frame = by_display.to_pandas().merge(by_code.to_pandas(), on=["site", "code_system", "code"])
    return int(coded.count().execute()), frame


def _untaken(job: Job, view: str, codings: int, rows: pd.DataFrame, known: frozenset[str]) -> list[Untaken]:
    from expectations.known_systems import recognised
    from expectations.table_profile import FLOOR
    from mappings.code_systems import normalise_code, normalise_system

    study = job.comparison
    assert study is not None
    systems = rows["code_system"].map(normalise_system, na_action="ignore").fillna("")
    names = [normalise_code(s or None, c) or "" for s, c in zip(systems, rows["code"], strict=True)]
    rows = rows.assign(system=systems, name=names, code_display=rows["code_display"].fillna(""))
    found = []
    for (system, code), here in ((tuple(map(str, key)), part) for key, part in rows.groupby(["system", "name"])):
        # Patients of two sites are two; of one site's ways to write a code the most count, which may be too few.
        patients = int(here.groupby("site")["people"].max().sum())
        texts = here[here["code_display"] != ""].groupby("code_display")["patients"].sum()
        shared = texts[texts >= FLOOR].sort_values(ascending=False, kind="stable")
        n = int(here["n"].sum())
        found.append(
            Untaken(
                view, system, code, str(shared.index[0]) if len(shared) else "", not recognised(system, known),
                patients < FLOOR, n, patients, n / codings, tuple(sorted(set(here["site"]))),
                tuple(hints(study, job.folder.codes, view, system, code, list(shared.index))),
            )
        )  # fmt: skip
    return found

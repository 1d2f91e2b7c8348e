"""What to ask a source for: a study compiled to searches, cohort first.

Phases, in order: ``index`` finds the patients (procedures by code and date); ``cohort`` asks for these patients'
resources by type; ``referenced`` fetches by id what those point to. ``population`` (a setting) takes whole types.

What is sent is what sandbox, HAPI and hospital servers all answer: ``code``, a date, ``patient``, ``_id``. An
AdverseEvent is asked for by ``event`` and ``subject``: R4 gives it no ``code`` and no ``patient``. Statuses are not
sent: servers differ, and the derivation counts what it does not use. Dates are sent only where they lose nothing:
FHIR lets Procedure, Observation, Condition and ImagingStudy be undated, and a date parameter would drop those silently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal
from urllib.parse import quote

from analysis.arrival import REFERENCES, Arrival
from analysis.study.model import PopulationStudy, Study
from analysis.study.uses import list_uses
from mappings.code_systems import TEXT
from mappings.codelists import CodeList

Phase = Literal["index", "cohort", "referenced", "population"]
Scope = Literal["cohort", "population"]
Pairs = tuple[tuple[str, str], ...]

URL_LENGTH = 1800
"""Characters a request address stays below: proxies and servers refuse longer ones, the strictest at 2,000."""
_BASE = 250  # kept for the base address, the type and the page size
_CODES = 800  # of it for codes, so that some thirty patients fit beside them
# Times have zones: a server and the site may see one instant on neighbouring days.
_SLACK = timedelta(days=1)

TYPE_OF_TABLE: Mapping[str, str] = {
    "patient": "Patient",
    "condition": "Condition",
    "procedure": "Procedure",
    "procedure_used": "Procedure",
    "procedure_used_code": "Procedure",
    "device": "Device",
    "substance": "Substance",
    "medication": "Medication",
    "medication_administration": "MedicationAdministration",
    "observation": "Observation",
    "observation_value": "Observation",
    "observation_component": "Observation",
    "observation_source": "Observation",
    "observation_identifier": "Observation",
    "observation_body_structure": "Observation",
    "imaging_study": "ImagingStudy",
    "imaging_series": "ImagingStudy",
    "imaging_procedure": "ImagingStudy",
    "encounter": "Encounter",
    "adverse_event": "AdverseEvent",
    "adverse_event_grade": "AdverseEvent",
    "condition_severity": "Condition",
}
"""The resource type each standard view is made from."""

# Types that ``code`` searches by what the view's code column holds. A MedicationAdministration's code may stand in a
# Medication instead, where R4's parameter does not look.
_BY_CODE = ("AdverseEvent", "Condition", "Observation", "Procedure")
_CODE_PARAMETER = {"AdverseEvent": "event"}
_PATIENT_PARAMETER: Mapping[str, Literal["patient", "subject"]] = {"AdverseEvent": "subject"}
_BY_REFERENCE = tuple(REFERENCES)
_DATE_PARAMETER = {"Procedure": "date", "Encounter": "date", "MedicationAdministration": "effective-time"}


@dataclass(frozen=True)
class Search:
    """One search. ``parameters`` are sent with every request; ``by`` is the parameter that carries the ids of a
    chunk (``patient``, ``subject`` or ``_id``; empty: no ids). ``arrival`` is what a resource must be to count as
    asked for."""

    phase: Phase
    type: str
    parameters: Pairs
    by: Literal["", "patient", "subject", "_id"]
    arrival: Arrival
    why: str


@dataclass(frozen=True)
class Plan:
    """The searches of a study, in the order they are made; ``notes`` say what a reader of the plan should know."""

    study: str
    scope: Scope
    searches: tuple[Search, ...]
    notes: tuple[str, ...] = ()

    def phase(self, phase: Phase) -> tuple[Search, ...]:
        """The searches of one phase."""
        return tuple(search for search in self.searches if search.phase == phase)

    @property
    def types(self) -> tuple[str, ...]:
        """Every resource type asked for, sorted."""
        return tuple(sorted({search.type for search in self.searches}))

    @property
    def sha256(self) -> str:
        """A hash over everything that decides what is asked for and kept; stable between runs and machines."""
        searches = [[s.phase, s.type, s.parameters, s.by, s.arrival.content()] for s in self.searches]
        content = {"study": self.study, "scope": self.scope, "searches": searches}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def plan(
    study: Study | PopulationStudy,
    codes: Mapping[str, CodeList],
    tokens: Mapping[str, Sequence[str]] | None = None,
    scope: Scope = "cohort",
) -> Plan:
    """Compile a study.

    ``codes`` are its lists by name. ``tokens`` are their search tokens as the ValueSet files write the systems
    (:func:`search_tokens`); without it the normalised systems are sent. ``scope="population"`` asks for every type the
    study needs, whole.
    """
    if isinstance(study, PopulationStudy):
        return Plan(study.study.id, "population", tuple(_whole(kind) for kind in study.population.types))
    needs = _needs(study)
    if scope == "population":
        return Plan(study.study.id, scope, tuple(_whole(kind) for kind in sorted({"Patient", *needs})))
    written = {name: tuple((tokens or {}).get(name, ()) or _tokens_of_list(made)) for name, made in codes.items()}
    index, notes = _index(study, codes, written)
    patient = Search("cohort", "Patient", (), "_id", Arrival("Patient", by="_id"), "the patients themselves")
    cohort = [s for kind in sorted(needs) if kind not in _BY_REFERENCE for s in _cohort(kind, study, codes, written)]
    referenced = [
        Search("referenced", kind, (), "_id", Arrival(kind, by="_id"), f"named in {' and '.join(REFERENCES[kind])}")
        for kind in _BY_REFERENCE
        if kind in needs
    ]
    return Plan(study.study.id, scope, (*index, patient, *cohort, *referenced), notes)


def requests(search: Search, keys: Collection[str] = ()) -> Iterator[Pairs]:
    """The parameters of each request of a search, ids in chunks so that the address stays below ``URL_LENGTH``.

    ``keys`` are patient ids (``by="patient"`` or ``"subject"``, or ``_id`` of Patient) or the ids referred to; each is
    asked for once.
    """
    if not search.by:
        yield search.parameters
        return
    room = URL_LENGTH - _BASE - sum(len(name) + len(quote(value, safe="")) + 2 for name, value in search.parameters)
    # A subject may be other than a patient, so the type is said.
    kind = "Patient/" if search.by == "subject" else ""
    for chunk in _chunks([kind + key for key in sorted(set(keys))], room, separator=3):
        yield (*search.parameters, (search.by, ",".join(chunk)))


def describe(made: Plan) -> list[dict[str, str]]:
    """Rows for ``bedside extract --plan``: phase, type, parameters, ids, why."""
    ids = {"": "", **{by: f"{by} = the cohort, in chunks" for by in ("patient", "subject", "_id")}}
    return [
        {
            "phase": search.phase,
            "type": search.type,
            "parameters": " & ".join(f"{name}={value}" for name, value in search.parameters),
            "ids": "_id = those referred to, in chunks" if search.phase == "referenced" else ids[search.by],
            "why": search.why,
        }
        for search in made.searches
    ]


def plan_sha256(made: Plan) -> str:
    """The plan's hash, for callers that hold functions rather than plans."""
    return made.sha256


def search_tokens(value_set: Mapping[str, Any]) -> tuple[str, ...]:
    """Search tokens of a ValueSet resource with its systems as written: ``system|code``; ``|code`` where it names no
    system; ``system|`` (any code of the system) for a pattern, which no server can be asked for."""
    tokens: list[str] = []
    for include in (value_set.get("compose") or {}).get("include") or []:
        system = include.get("system") or ""
        if system != TEXT:
            tokens += [_token(system, concept["code"]) for concept in include.get("concept") or []]
            tokens += [_token(system, "") for _ in include.get("filter") or []]
    return tuple(dict.fromkeys(tokens))


def _tokens_of_list(made: CodeList) -> tuple[str, ...]:
    tokens = [_token(entry.system or "", entry.code) for entry in made.entries]
    return tuple(dict.fromkeys([*tokens, *(_token(pattern.system or "", "") for pattern in made.patterns)]))


def _token(system: str, code: str) -> str:
    """FHIR search escapes: a comma, a bar or a dollar inside a value is not a separator."""
    return "|".join("".join("\\" + c if c in "\\,|$" else c for c in part) for part in (system, code))


def _whole(kind: str) -> Search:
    return Search("population", kind, (), "", Arrival(kind), "the whole population")


def _needs(study: Study) -> set[str]:
    """The types the study's lists, imaging rule and evidence of life look in, and the index procedures'."""
    tables = {table for use in list_uses(study) if use.role != "site" for table in use.tables}
    tables |= {"procedure", *study.alive.tables}
    if study.response is not None and study.response.imaging is not None:
        tables.add("imaging_study")
    return {TYPE_OF_TABLE[table] for table in tables if table in TYPE_OF_TABLE} - {"Patient"}


def _index(
    study: Study, codes: Mapping[str, CodeList], written: Mapping[str, tuple[str, ...]]
) -> tuple[list[Search], tuple[str, ...]]:
    name = study.index.event.list_
    low, high = study.index.dates[0] - _SLACK, study.index.dates[1] + _SLACK
    dates = (("date", f"ge{low}"), ("date", f"le{high}"))
    arrival = Arrival("Procedure", lists=(codes[name],), low=low, high=high)
    searches = [
        Search("index", "Procedure", (("code", ",".join(part)), *dates), "", arrival, f"list {name}: who is screened")
        for part in _chunks(written[name], _CODES, separator=3)
    ]
    whole = [token for token in written[name] if token.endswith("|")]
    notes = tuple(
        f"list {name} has a pattern in {token[:-1]}: a server cannot be asked for a pattern, so every procedure of "
        "that system in the dates is asked for and filtered on arrival; write the codes out where that is too many"
        for token in whole
    )
    return searches, notes


def _cohort(
    kind: str, study: Study, codes: Mapping[str, CodeList], written: Mapping[str, tuple[str, ...]]
) -> list[Search]:
    """The searches for one type of the cohort's resources: by code where every need of the type is a code."""
    dates, low, high = _dates(kind, study)
    names, reason = _code_needs(kind, study, codes)
    by = _PATIENT_PARAMETER.get(kind, "patient")
    if names is None:
        return [Search("cohort", kind, dates, by, Arrival(kind, by="patient", low=low, high=high), reason)]
    arrival = Arrival(kind, by="patient", lists=tuple(codes[name] for name in names), low=low, high=high)
    why = f"lists {', '.join(names)}"
    if study.extract.codes == "on-arrival" or reason:
        return [Search("cohort", kind, dates, by, arrival, f"{why}; filtered on arrival" + reason)]
    tokens = tuple(dict.fromkeys(token for name in names for token in written[name]))
    return [
        Search("cohort", kind, ((_CODE_PARAMETER.get(kind, "code"), ",".join(part)), *dates), by, arrival, why)
        for part in _chunks(tokens, _CODES, separator=3)
    ]


def _code_needs(kind: str, study: Study, codes: Mapping[str, CodeList]) -> tuple[tuple[str, ...] | None, str]:
    """The lists that say which resources of a type are needed, or None where any may be, and why.

    With lists, a reason means that the codes cannot be sent, only looked at on arrival.
    """
    if kind in {TYPE_OF_TABLE[table] for table in study.alive.tables}:
        return None, "any code: evidence of life"
    if kind == "ImagingStudy":
        return None, "imaging that supports assessments"
    if kind not in _BY_CODE:
        return None, "any code: it may stand in the Medication referred to"
    names: list[str] = []
    reason = ""
    for use in list_uses(study):
        tables = [table for table in use.tables if TYPE_OF_TABLE.get(table) == kind]
        # What was used in a procedure is looked at in index procedures and later sessions, found by their own code.
        if use.role in ("site", "material") or not tables:
            continue
        if codes[use.name].words:
            return None, f"any code: list {use.name} is looked for in texts"
        names.append(use.name)
        if codes[use.name].patterns:
            reason = f": list {use.name} has a pattern"
        elif {"observation_component", "observation_value", "procedure_used_code"} & set(tables):
            reason = f": list {use.name} is also looked for inside the resource"
    return tuple(sorted(set(names))), reason


def _dates(kind: str, study: Study) -> tuple[Pairs, date | None, date | None]:
    """Date bounds where nothing is lost by them: Encounters serve only as dated evidence of life after the index, and
    a MedicationAdministration always has a date."""
    if kind not in ("Encounter", "MedicationAdministration"):
        return (), None, None
    name, high = _DATE_PARAMETER[kind], study.index.data_cutoff + _SLACK
    if kind == "MedicationAdministration":
        return ((name, f"le{high}"),), None, high
    low = study.index.dates[0] - _SLACK
    return ((name, f"ge{low}"), (name, f"le{high}")), low, high


def _chunks(items: Iterable[str], room: int, separator: int) -> Iterator[list[str]]:
    """Items in order, in runs whose percent-encoded text with separators (``%2C``) stays within ``room``."""
    chunk: list[str] = []
    used = 0
    for item in items:
        size = len(quote(item, safe="")) + separator
        if chunk and used + size > room:
            yield chunk
            chunk, used = [], 0
        chunk.append(item)
        used += size
    if chunk:
        yield chunk

"""From a plan to the export that is asked for, and to what has to be asked for by search beside it."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote, urlencode

from analysis.plan import Plan, Search
from flows.client.bulk import ExportRequest, Level
from flows.landing.patient_compartment import PATIENT_COMPARTMENT
from flows.sites import Site


def export_request(site: Site, plan: Plan, since: str | None = None) -> ExportRequest:
    """The export of a site: level and filters by its settings, types by the plan.

    Types outside the patient compartment are left out where patients or a group are exported; `searched` has them.
    """
    level: Level = "group" if site.group is not None else site.bulk.level or "system"
    allowed = PATIENT_COMPARTMENT | set(site.bulk.with_types)
    types = tuple(type_ for type_ in plan.types if level == "system" or type_ in allowed)
    filters = tuple(each for type_ in types for each in type_filters(plan, type_)) if site.bulk.type_filter else ()
    return ExportRequest(level, types, site.group or "", filters, since)


def type_filters(plan: Plan, type_: str) -> tuple[str, ...]:
    """The searches of a type as ``_typeFilter`` takes them (any of them must match); none when the plan wants all of
    the type, or asks for it by id.

    They are the parameters a search would send, so they lose nothing that a search would not. Commas inside are
    escaped: servers take one between filters for their separator.
    """
    searches = [search for search in plan.searches if search.type == type_]
    if any(not search.parameters for search in searches):
        return ()
    return tuple(dict.fromkeys(f"{type_}?{urlencode(search.parameters, quote_via=quote)}" for search in searches))


def searched(plan: Plan, exported: Collection[str], *, whole_system: bool) -> list[Search]:
    """The searches of a plan that an export of the types ``exported`` cannot answer: what is referred to, and whole
    types, outside the patient compartment. A system's export answers all."""
    if whole_system:
        return []
    return [s for s in plan.searches if s.phase == "referenced" or (not s.by and s.type not in exported)]

"""From a plan to an export. Oracle: the plan's own searches."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

from analysis.arrival import Arrival
from analysis.plan import Plan, Search
from flows.landing.bulk_plan import export_request, searched, type_filters
from flows.landing.patient_compartment import PATIENT_COMPARTMENT
from flows.sites import Site
from mappings.elements import is_resource
from tests.unit.client.hospital import PLAN


def site(**more: object) -> Site:
    return Site.model_validate({"id": "north", "base": "http://a", "method": "bulk", **more})


def observations(*values: str) -> Plan:
    made = [
        Search("cohort", "Observation", (("code", value),) if value else (), "patient", Arrival("Observation"), "why")
        for value in values
    ]
    return replace(PLAN, searches=(PLAN.searches[0], *made))


def test_searches_of_a_type_are_alternatives_and_one_for_all_needs_no_filter() -> None:
    made = type_filters(observations("http://loinc.org|1,http://loinc.org|2", "a b|3&4"), "Observation")
    assert all(filter_.startswith("Observation?") and "," not in filter_ for filter_ in made)
    assert [parse_qsl(filter_.split("?")[1]) for filter_ in made] == [
        [("code", "http://loinc.org|1,http://loinc.org|2")],
        [("code", "a b|3&4")],
    ]
    assert type_filters(observations("x|1", ""), "Observation") == ()
    assert type_filters(PLAN, "Device") == ()


def test_patients_and_groups_hold_their_compartment_and_the_rest_is_searched_for() -> None:
    for more, types, beside in (
        ({}, ("Device", "Observation", "Patient", "Procedure"), []),
        ({"bulk": {"level": "patient"}}, ("Observation", "Patient", "Procedure"), ["Device"]),
        ({"group": "g"}, ("Observation", "Patient", "Procedure"), ["Device"]),
        (
            {"group": "g", "bulk": {"with_types": ["Device"]}},
            ("Device", "Observation", "Patient", "Procedure"),
            ["Device"],
        ),
    ):
        made = export_request(site(**more), PLAN)
        assert made.types == types
        rest = searched(PLAN, made.types, whole_system=made.level == "system")
        assert [search.type for search in rest] == beside


def test_the_compartment_is_made_of_resource_types() -> None:
    """66 types have a parameter in http://hl7.org/fhir/R4/compartmentdefinition-patient.html."""
    assert len(PATIENT_COMPARTMENT) == 66
    assert [type_ for type_ in sorted(PATIENT_COMPARTMENT) if not is_resource(type_)] == []
    assert not PATIENT_COMPARTMENT & {"Device", "Medication", "Substance", "Practitioner", "Organization", "Location"}

"""Violation counts over tables as mapped, in Ibis, so that ten million rows never become a pandas frame.

Each view is read once: one row a resource with a flag a check, summed by site. The counts then go to Great Expectations
as integers (``expectations.gx``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, Any

from expectations.ledger import TypeCounts
from expectations.model import Finding
from mappings import code_systems

if TYPE_CHECKING:
    import ibis.expr.types as ir

RECOGNISED = frozenset(
    {
        code_systems.SNOMED, code_systems.LOINC, code_systems.ICD10, code_systems.ICD10_PCS, code_systems.ATC,
        code_systems.OPS, code_systems.RXNORM, code_systems.DICOM, code_systems.CPT,
    }
)  # fmt: skip
"""Code systems that the lists of any study are written in; a study adds those its own lists name."""

# The value sets of FHIR R4 with a required binding.
_EVENT_STATUS = (
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown",
)  # fmt: skip


@dataclass(frozen=True)
class RawView:
    """What the raw checks may ask of one view."""

    type: str
    dates: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    coded: bool = False
    patient: bool = True


VIEWS: dict[str, RawView] = {
    "patient": RawView("Patient", patient=False),
    "condition": RawView("Condition", ("onset_date", "onset_start", "asserted_date", "recorded_date"), coded=True),
    "procedure": RawView(
        "Procedure", ("performed_date", "performed_start", "performed_end"), _EVENT_STATUS, coded=True
    ),
    "medication_administration": RawView(
        "MedicationAdministration",
        ("effective_date", "effective_start", "effective_end"),
        ("in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"),
        coded=True,
    ),
    "observation": RawView(
        "Observation",
        ("effective_date", "effective_start", "effective_end"),
        (
            "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown",
        ),
        coded=True,
    ),
    "imaging_study": RawView(
        "ImagingStudy", ("started",), ("registered", "available", "cancelled", "entered-in-error", "unknown")
    ),
    "encounter": RawView(
        "Encounter",
        ("period_start", "period_end"),
        (
            "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error",
            "unknown",
        ),
    ),
    "adverse_event": RawView("AdverseEvent", ("event_date", "detected_date", "recorded_date"), coded=True),
    "device": RawView("Device", coded=True, patient=False),
    "substance": RawView("Substance", coded=True, patient=False),
    "medication": RawView("Medication", coded=True, patient=False),
}  # fmt: skip


def landing_findings(types: Mapping[str, Mapping[str, TypeCounts]]) -> list[Finding]:
    """What the ledger's arrival half says, site by site: resources in quarantine, and fewer than the server's total."""
    found = []
    for site, by_type in types.items():
        for type_, c in by_type.items():
            if c.accepted is not None:
                landed = c.landed - c.superseded
                found.append(
                    Finding("resource_parses_as_fhir_r4", type_, landed, (c.quarantined or 0) - c.superseded, site=site)
                )
            # What is named as missing already makes the run incomplete; the user's word decides, not the gate.
            total = 0 if c.incomplete else c.server_total or 0
            short = max(0, total - (c.distinct if c.distinct is not None else total))
            found.append(Finding("total_equals_fetched", type_, total, short, site=site))
    return found


def table_findings(tables: Mapping[str, ir.Table], today: date, systems: frozenset[str] = RECOGNISED) -> list[Finding]:
    """Count the violations of every raw check on every table.

    ``tables`` holds the standard views by name, narrowed to the records a study uses where there is a study;
    ``patient`` must be whole. ``today`` is the day of the extract, ``systems`` the code systems that count as known.
    """
    found: list[Finding] = []
    for name, view in VIEWS.items():
        if name in tables:
            found += _view(name, view, tables[name], tables["patient"], today, systems)
    return found


def _view(
    name: str, view: RawView, table: ir.Table, patients: ir.Table, today: date, systems: frozenset[str]
) -> list[Finding]:
    import ibis

    rows = table
    if view.patient:
        person = patients.select(
            "site", patient_id=patients.id, birth_date=patients.birth_date, deceased_date=patients.deceased_date,
            found=ibis.literal(True),
        ).distinct(on=["site", "patient_id"], keep="first")  # fmt: skip
        rows = table.left_join(person, ["site", "patient_id"])
    flags = _flags(view, rows, today, systems)
    # Several codings give several rows: a resource violates if any of its rows does, and its code is known if any is.
    resources = rows.group_by("site", "id").agg(
        versions=rows.version.nunique(),
        **{check: (flag.all() if check == "code_system_recognised" else flag.any()) for check, flag in flags.items()},
    )
    summed = resources.group_by("site").agg(
        resources=resources.count(),
        resource_id_unique=(resources.versions > 1).sum(),
        **{check: resources[check].fill_null(False).sum() for check in flags},
    )
    counts = summed.order_by("site").to_pyarrow().to_pylist()
    return [
        Finding(check, name, int(row["resources"]), int(row[check] or 0), site=row["site"])
        for row in counts
        for check in ("resource_id_unique", *flags)
    ]


def _flags(view: RawView, rows: ir.Table, today: date, systems: frozenset[str]) -> dict[str, Any]:
    import ibis

    flags: dict[str, Any] = {}
    if view.status:
        flags["status_in_required_value_set"] = ~rows.status.fill_null("").isin(view.status)
    if view.coded:
        system = code_systems.system_expression(rows.code_system)
        # FHIR's own code systems (categories, statuses) are known without a list.
        own = system.startswith("http://terminology.hl7.org/") | system.startswith("http://hl7.org/fhir/")
        known = system.isin(sorted(systems)) | own
        flags["code_system_recognised"] = rows.code.notnull() & ~known.fill_null(False)
    missing = [rows.code.isnull() & rows.code_text.isnull()] if view.coded else []
    if view.dates:
        days = [rows[column] for column in view.dates]
        missing.append(reduce(lambda a, b: a & b, [day.isnull() for day in days]))
        flags["no_future_dates"] = _any(_later(day, ibis.literal(today.isoformat())) for day in days)
    if view.patient:
        flags["subject_reference_resolves"] = rows.found.isnull()
    if view.patient and view.dates:
        flags["nothing_before_birth"] = _any(_later(rows.birth_date, rows[column]) for column in view.dates)
        flags["no_activity_30_days_after_death"] = _any(
            _day(rows[column]).delta(_day(rows.deceased_date), unit="day") > 30 for column in view.dates
        )
    if missing:
        flags["required_elements_present"] = _any(missing)
    return flags


def _any(flags: Any) -> Any:
    return reduce(lambda a, b: a | b, [flag.fill_null(False) for flag in flags])


def _later(one: Any, other: Any) -> Any:
    """Whether the date text ``one`` is surely later than ``other``, at the precision the two share."""
    import ibis

    shared = ibis.least(one.length(), other.length(), 10)
    return one.substr(0, shared) > other.substr(0, shared)


def _day(text: Any) -> Any:
    return text.substr(0, 10).try_cast("date")

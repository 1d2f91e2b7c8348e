"""What the raw checks may ask of each standard view: its dates, its codes, its values, what makes two records one."""

from __future__ import annotations

from dataclasses import dataclass

# The value sets of FHIR R4 with a required binding.
_EVENT_STATUS = (
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown",
)  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """The columns of one number with its unit. ``system`` is empty where the view does not hold the unit's system.

    ``measured``: the number was found in the patient, and is no dose that was given.
    """

    value: str
    unit: str
    code: str
    system: str = ""
    measured: bool = True


@dataclass(frozen=True)
class RawView:
    """What the raw checks may ask of one view.

    ``dates``: when it happened, the first that is there counts. ``placed``: without one of ``dates`` a record cannot
    be placed. ``period``: start and end. ``instead``: a reference that stands for the code. ``values``: the columns
    that may hold the answer. ``same``: what two records of one patient, code and date must share to be the same one;
    empty: nobody asks. ``detail``: rows of parts of a resource, whose id and version another view judges.
    """

    type: str
    dates: tuple[str, ...] = ()
    placed: bool = True
    period: tuple[str, str] | None = None
    status: tuple[str, ...] = ()
    coded: bool = False
    instead: str = ""
    patient: bool = True
    values: tuple[str, ...] = ()
    quantity: Quantity | None = None
    same: tuple[str, ...] = ()
    detail: bool = False


VIEWS: dict[str, RawView] = {
    "patient": RawView("Patient", ("birth_date", "deceased_date"), placed=False, patient=False),
    "condition": RawView(
        "Condition",
        ("onset_date", "onset_start", "asserted_date", "recorded_date"),
        coded=True,
        same=("clinical_status", "verification_status", "body_site"),
    ),
    "procedure": RawView(
        "Procedure",
        ("performed_date", "performed_start", "performed_end"),
        period=("performed_start", "performed_end"),
        status=_EVENT_STATUS,
        coded=True,
        same=("status", "body_site", "performed_end"),
    ),
    "procedure_used": RawView("Procedure", patient=False, detail=True),
    "medication_administration": RawView(
        "MedicationAdministration",
        ("effective_date", "effective_start", "effective_end"),
        period=("effective_start", "effective_end"),
        status=("in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"),
        coded=True,
        instead="medication_id",
        quantity=Quantity("dose_value", "dose_unit", "dose_unit_code", measured=False),
        same=("status", "medication_id", "effective_end", "dose_value", "dose_unit", "dose_unit_code", "route"),
    ),
    "observation": RawView(
        "Observation",
        ("effective_date", "effective_start", "effective_end"),
        period=("effective_start", "effective_end"),
        status=(
            "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown",
        ),
        coded=True,
        values=(
            "value_quantity", "value_integer", "value_boolean", "value_string", "value_date", "value_text",
        ),
        quantity=Quantity("value_quantity", "value_unit", "value_unit_code", "value_unit_system"),
        same=(
            "status", "effective_end", "value_quantity", "value_unit", "value_unit_code", "value_integer",
            "value_boolean", "value_string", "value_date", "value_text", "body_site", "method_text", "performer_id",
        ),
    ),
    "observation_component": RawView(
        "Observation",
        patient=False,
        quantity=Quantity("value_quantity", "value_unit", "value_unit_code"),
        detail=True,
    ),
    "observation_source": RawView("Observation", patient=False, detail=True),
    "imaging_study": RawView(
        "ImagingStudy",
        ("started",),
        status=("registered", "available", "cancelled", "entered-in-error", "unknown"),
        same=("status", "modality", "description"),
    ),
    "encounter": RawView(
        "Encounter",
        ("period_start", "period_end"),
        period=("period_start", "period_end"),
        status=(
            "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error",
            "unknown",
        ),
        same=("status", "class_code", "period_end"),
    ),
    "adverse_event": RawView(
        "AdverseEvent",
        ("event_date", "detected_date", "recorded_date"),
        coded=True,
        same=("actuality", "severity", "severity_text", "outcome"),
    ),
    "device": RawView("Device", coded=True, patient=False),
    "substance": RawView("Substance", coded=True, patient=False),
    "medication": RawView("Medication", coded=True, patient=False),
}  # fmt: skip

CONDITION_STATUS = {
    "clinical_status": ("active", "recurrence", "relapse", "inactive", "remission", "resolved"),
    "verification_status": (
        "unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error",
    ),
}  # fmt: skip
"""FHIR R4's value sets of Condition, both with a required binding."""

# What a row refers to, and the view that should hold it: check, view, its column, the view it points to.
REFERENCES = (
    ("used_item_resolves", "procedure_used", "device_id", "device"),
    ("used_item_resolves", "procedure_used", "substance_id", "substance"),
    ("used_item_resolves", "procedure_used", "medication_id", "medication"),
    ("medication_reference_resolves", "medication_administration", "medication_id", "medication"),
    ("imaging_reference_resolves", "observation_source", "imaging_study_id", "imaging_study"),
)


def checks_of(name: str) -> tuple[str, ...]:
    """The ids of the checks that a view is asked, whatever its rows: what is in ERROR where they cannot be read."""
    view = VIEWS[name]
    own = {
        "patient": (
            "birth_date_known_and_possible", "death_not_before_birth", "deceased_has_date", "sex_recorded",
        ),
        "observation": ("observation_has_value", "issued_not_before_effective"),
        "condition": ("condition_status_in_value_set",),
        "imaging_study": ("imaging_modality_present",),
    }  # fmt: skip
    measured = ("quantity_has_unit", "lab_unit_is_ucum", "lab_value_in_physiologic_range")
    given = view.quantity is not None and not view.quantity.measured
    asked = (
        (not view.detail, ("resource_id_unique",)),
        (view.status, ("status_in_required_value_set",)),
        (view.coded, ("code_system_recognised", "code_not_text_alone")),
        (view.dates, ("no_future_dates",)),
        (view.dates and view.placed, ("required_elements_present", "date_known_to_the_day")),
        (view.period, ("period_end_not_before_start",)),
        (view.patient, ("subject_reference_resolves",)),
        (view.patient and view.dates, ("nothing_before_birth", "no_activity_30_days_after_death")),
        (view.same, ("no_duplicate_records",)),
        (view.quantity and not given, measured),
        (given, ("dose_has_unit",)),
        (True, tuple(dict.fromkeys(check for check, where, *_ in REFERENCES if where == name))),
        (True, own.get(name, ())),
    )
    return tuple(check for holds, checks in asked if holds for check in checks)

"""A status as a reason why a record is not used, in FHIR's own words alone: the field may hold anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

# The codes of R4 with a required binding: EventStatus, MedicationAdministration, Observation, ImagingStudy, Encounter,
# and AdverseEvent's actuality.
CODES = (
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown",
    "registered", "preliminary", "final", "amended", "corrected", "cancelled", "available", "planned", "arrived",
    "triaged", "onleave", "finished", "actual", "potential",
)  # fmt: skip


def told(status: ir.StringValue) -> ir.StringValue:
    """``status completed``, ``status missing``, or ``status outside FHIR's`` for whatever FHIR does not know."""
    import ibis

    said = ibis.cases((status.isnull(), "missing"), (status.isin(CODES), status), else_="outside FHIR's")
    return ibis.literal("status ") + said

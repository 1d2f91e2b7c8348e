"""The tables the derivation reads, made safe: a view that is missing or lacks a column counts as empty there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

_CODED = "code_system code code_display code_text"
_TYPES = {"dec": "decimal(38, 9)", "int": "int64", "bool": "boolean"}

# The columns of the standard views that the derivation uses (docs/architecture.md, "Tables").
VIEWS: dict[str, str] = {
    "patient": "id version gender birth_date deceased:bool deceased_date",
    "condition": f"id version patient_id verification_status {_CODED} onset_date onset_start asserted_date "
    "recorded_date body_site_system body_site",
    "procedure": f"id version patient_id status {_CODED} performed_date performed_start performed_end "
    "body_site_system body_site",
    "procedure_used": "id patient_id role device_id substance_id medication_id",
    "procedure_used_code": "id patient_id code_system code code_text",
    "device": f"id version patient_id {_CODED} device_name",
    "substance": f"id version {_CODED}",
    "medication": f"id version {_CODED}",
    "medication_administration": f"id version patient_id status {_CODED} medication_id procedure_id effective_date "
    "effective_start effective_end dose_value:dec dose_unit dose_unit_code",
    "observation": f"id version patient_id status {_CODED} effective_date effective_start effective_end issued "
    "value_quantity:dec value_unit value_unit_code value_comparator value_integer:int value_boolean:bool value_string "
    "value_date value_text body_site_system body_site performer_id interpretation",
    "observation_value": "id patient_id code_system code code_display",
    "observation_component": "id patient_id code_system code value_quantity:dec value_unit value_unit_code "
    "value_comparator value_integer:int value_string value_system value_code",
    "observation_source": "id patient_id imaging_study_id",
    "observation_identifier": "id patient_id identifier_system identifier_value",
    "observation_body_structure": "id patient_id body_structure_id",
    "imaging_study": "id version patient_id status started modality_system modality description",
    "imaging_series": "id patient_id modality_system modality started description",
    "imaging_procedure": f"id patient_id {_CODED}",
    "encounter": "id version patient_id status period_start period_end",
    "adverse_event": f"id version patient_id actuality {_CODED} event_date detected_date recorded_date severity_text",
    "adverse_event_grade": "id patient_id element code_system code",
    "condition_severity": "id patient_id code_system code",
}


def schema(view: str) -> dict[str, str]:
    """Column name to Ibis type of one standard view, `site` first."""
    columns = {"site": "string"}
    for word in VIEWS[view].split():
        name, _, kind = word.partition(":")
        columns[name] = _TYPES.get(kind, "string")
    return columns


class Inputs:
    """Read access to the mapped tables by view name: always there, always with every column, typed as agreed."""

    def __init__(self, tables: Mapping[str, ir.Table]) -> None:
        self._tables = dict(tables)
        self._ready: dict[str, ir.Table] = {}

    def __getitem__(self, view: str) -> ir.Table:
        if view not in self._ready:
            self._ready[view] = self._make(view)
        return self._ready[view]

    def _make(self, view: str) -> ir.Table:
        import ibis

        columns = schema(view)
        if view not in self._tables:
            return ibis.memtable([], schema=ibis.schema(columns))
        table = self._tables[view]
        made = {}
        for name, kind in columns.items():
            if name not in table.columns:
                made[name] = ibis.null().cast(kind)
            else:
                # A column of nulls only may arrive untyped or with another type.
                made[name] = table[name] if table[name].type() == ibis.dtype(kind) else table[name].cast(kind)
        return table.select(**made)

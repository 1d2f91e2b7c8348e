"""From the short form of a case to FHIR resources, by the study's own code lists and maps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from analysis.cases.model import Case, CasePatient, CaseRecord
from analysis.study.model import Study
from mappings.codelists import CodeList, ConceptMapping

Json = dict[str, Any]
PATIENT = "patient"
_UCUM = "http://unitsofmeasure.org"
_SHARED = ("Practitioner", "Organization")
_STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_KIND = {
    "condition": "Condition",
    "procedure": "Procedure",
    "medication_administration": "MedicationAdministration",
    "observation": "Observation",
    "observation_value": "Observation",
    "imaging_study": "ImagingStudy",
    "encounter": "Encounter",
}
_STATUSES = {"Observation": "final", "ImagingStudy": "available", "Encounter": "finished"}


class Unwritable(Exception):
    """A record of a case cannot be written as FHIR; the message says why. Caught by whoever knows the file."""


def map_of(study: Study, name: str) -> str | None:
    """The ConceptMap of the answers to a list, where the study names one."""
    for covariate in study.covariate.values():
        if covariate.list_ == name and covariate.values:
            return covariate.values
    if study.response is not None and study.response.list_ == name:
        return study.response.values
    return study.alive.vital_status_values if study.alive.vital_status == name else None


class Chart:
    """The resources of one case. ``name`` goes before every id, so that cases do not meet."""

    def __init__(
        self, name: str, study: Study, codes: Mapping[str, CodeList], maps: Mapping[str, ConceptMapping]
    ) -> None:
        self.name, self._study, self._codes, self._maps = name, study, codes, maps
        self._index = study.index.dates[0]

    def resources(self, case: Case) -> list[Json]:
        """All resources of a case whose ``like`` is already resolved; Unwritable where a record cannot be written."""
        self._index = case.index or self._study.index.dates[0]
        named = {record.called: n for n, record in enumerate(case.record)}
        made = [] if any(r.get("resourceType") == "Patient" for r in case.resource) else [self._patient(case.patient)]
        for n, record in enumerate(case.record):
            made += self._record(f"r{n}", record, named)
        return [self._own(resource) for resource in [*made, *case.resource]]

    def _patient(self, told: CasePatient) -> Json:
        body: Json = {"resourceType": "Patient", "id": PATIENT, "gender": told.sex, "birthDate": told.birth}
        if told.age is not None and told.birth is None:
            leap = self._index.month == 2 and self._index.day == 29
            birthday = self._index.replace(day=28) if leap else self._index
            body["birthDate"] = birthday.replace(year=birthday.year - told.age).isoformat()
        if told.died_on_day is not None:
            body["deceasedDateTime"] = self._on(told.died_on_day)
        elif isinstance(told.died, str):
            body["deceasedDateTime"] = told.died
        elif told.died is not None:
            body["deceasedBoolean"] = told.died
        return _filled(body)

    def _record(self, id_: str, record: CaseRecord, named: Mapping[str, int]) -> list[Json]:
        kind = self._kind(record)
        on = self._on(record.day)
        body: Json = {"resourceType": kind, "id": id_, "subject": _to("Patient", PATIENT)}
        if kind != "Condition":
            body["status"] = record.status or _STATUSES.get(kind, "completed")
        beside: list[Json] = []
        if kind == "Condition":
            body["verificationStatus"] = _concept(_STATUS, record.verification or "confirmed")
            body["clinicalStatus"] = _concept(_CLINICAL, record.status or "active")
            body |= {"code": self._code(record), "onsetDateTime": on}
        elif kind == "Procedure":
            body |= {"code": self._code(record), "performedDateTime": on}
            for n, name in enumerate(record.used):
                beside += self._use(body, f"{id_}-u{n}", name)
        elif kind == "MedicationAdministration":
            body |= {"medicationCodeableConcept": self._code(record), "effectiveDateTime": on}
            if record.part_of is not None:
                if record.part_of not in named:
                    raise Unwritable(f"part_of: the case has no record {record.part_of!r}")
                body["partOf"] = [_to("Procedure", f"r{named[record.part_of]}")]
        elif kind == "ImagingStudy":
            body["started"] = on
            system = "http://dicom.nema.org/resources/ontology/DCM"
            body["modality"] = [{"system": system, "code": record.modality or "CT"}]
        elif kind == "Encounter":
            body["class"] = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
            body["period"] = _filled({"start": on, "end": on})
        else:
            body |= {"code": self._code(record), "effectiveDateTime": on, **self._value(record)}
            body["bodySite"] = None if record.site is None else {"coding": [self._coding(record.site)]}
            body["performer"] = None if record.reader is None else [_to("Practitioner", record.reader)]
        return [*beside, _filled(body)]

    def _kind(self, record: CaseRecord) -> str:
        tables: tuple[str, ...] = (record.table,) if record.table else ()
        if not tables and record.list_ in self._study.lists:
            tables = self._study.lists[record.list_].table
        for table in tables:
            if table in _KIND:
                return _KIND[table]
        raise Unwritable("say table: the list is not looked for in a table of records")

    def _code(self, record: CaseRecord) -> Json:
        coding = record.code.model_dump(exclude_none=True) if record.code else None
        if coding is None and record.list_ is not None:
            coding = self._coding(record.list_)
        return _filled({"coding": [coding] if coding else None, "text": record.text})

    def _coding(self, name: str) -> Json:
        made = self._codes.get(name)
        if made is None:
            raise Unwritable(f"the study has no list {name!r}")
        if not made.entries:
            raise Unwritable(f"list {name} holds no plain code to write: give code = {{ system, code }}")
        return _filled({"system": made.entries[0].system, "code": made.entries[0].code})

    def _use(self, procedure: Json, id_: str, name: str) -> list[Json]:
        """What a procedure used, as the first kind of thing that the list is looked for in."""
        coding = {"coding": [self._coding(name)]}
        for table in self._study.lists[name].table:
            if table in ("device", "substance", "medication"):
                kind = table.capitalize()
                procedure.setdefault("usedReference", []).append(_to(kind, id_))
                return [{"resourceType": kind, "id": id_, "type" if kind == "Device" else "code": coding}]
            if table == "procedure_used_code":
                procedure.setdefault("usedCode", []).append(coding)
                return []
        raise Unwritable(f"used: list {name} is not looked for in device, substance, medication or procedure_used_code")

    def _value(self, record: CaseRecord) -> Json:
        value = record.value
        if record.value_day is not None:
            return {"valueDateTime": self._on(record.value_day)}
        if value is None:
            return {}
        if record.unit is not None:
            quantity = {"value": value, "unit": record.unit, "system": _UCUM, "code": record.unit}
            return {"valueQuantity": quantity}
        name = map_of(self._study, record.list_ or "")
        if name is not None:
            rows = [row for row in self._maps[name].rows if row.target_code == str(value) and row.source_system]
            if not rows:
                raise Unwritable(f"value: map {name} gives no {str(value)!r}")
            return {"valueCodeableConcept": _concept(rows[0].source_system, rows[0].source_code)}
        if isinstance(value, bool):
            return {"valueBoolean": value}
        if isinstance(value, int):
            return {"valueInteger": value}
        if isinstance(value, float):
            raise Unwritable("value: a number with a fraction needs a unit")
        return {"valueString": value}

    def _on(self, day: int | None) -> Any:
        return None if day is None else (self._index + timedelta(days=day)).isoformat()

    def _own(self, value: Any, key: str = "") -> Any:
        """Ids and references under the case's name, days as texts."""
        if isinstance(value, list):
            return [self._own(item, key) for item in value]
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, dict):
            out = {k: self._own(item, k) for k, item in value.items()}
            if "resourceType" in out and isinstance(out.get("id"), str):
                out["id"] = f"{self.name}-{out['id']}"
            return out
        if key == "reference" and isinstance(value, str):
            found = re.fullmatch(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.-]+)", value)
            if found and found[1] not in _SHARED:
                return f"{found[1]}/{self.name}-{found[2]}"
        return value


def _to(kind: str, id_: str) -> Json:
    return {"reference": f"{kind}/{id_}"}


def _concept(system: str | None, code: str) -> Json:
    return {"coding": [_filled({"system": system, "code": code})]}


def _filled(body: Json) -> Json:
    return {key: value for key, value in body.items() if value is not None}

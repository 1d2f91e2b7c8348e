"""A small hospital for tests of the derivation: tables of the standard views, filled row by row, and a small study."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import ibis
import pandas as pd

from analysis.derive import Derived, SiteRules, derive
from analysis.derive.inputs import VIEWS, schema
from analysis.study.model import Study
from mappings.codelists import CodeEntry, CodeList, ConceptMapping, ConceptRow

S = "http://example.org/codes"
KEY = b"a key for tests"
INDEX = date(2020, 3, 1)

STUDY: dict[str, Any] = {
    "study": {
        "id": "small",
        "title": "A small study",
        "protocol": {"version": "1", "date": date(2020, 1, 1), "registration": "none", "ethics": "none"},
        "design": "invented",
        "data": "synthetic",
    },
    "list": {
        "act": {"table": "procedure"},
        "disease": {"table": "condition"},
        "drug": {"table": ["medication_administration", "procedure"]},
        "surgery": {"table": "procedure"},
        "new": {"table": "device"},
        "old": {"table": "substance"},
        "new-names": {"table": "device"},
        "grade": {"table": ["observation", "observation_component"]},
        "size": {"table": ["observation", "observation_component"]},
        "invasion": {"table": "observation"},
        "response": {"table": "observation"},
        "liver": {"table": "observation"},
        "contact": {"table": "observation"},
        "vital": {"table": "observation"},
        "death": {"table": "observation"},
    },
    "index": {
        "event": {"table": "procedure", "list": "act"},
        "dates": [date(2020, 1, 1), date(2020, 12, 31)],
        "washout_days": 180,
        "data_cutoff": date(2021, 6, 30),
    },
    "arm": [
        {
            "id": "NEW",
            "label": "New",
            "all": [
                {"list": "act"},
                {"any_of": ["used_device:new", "used_code:new", "administered:new", "text:new-names"]},
            ],
        },
        {"id": "OLD", "label": "Old", "all": [{"list": "act"}, {"any_of": ["used_substance:old", "administered:old"]}]},
    ],
    "criterion": [
        {
            "id": "disease",
            "text": "Has the disease",
            "require": {"list": "disease", "verification": "confirmed", "window": "..0"},
            "missing": "fails",
        },
        {"id": "grade", "text": "Grade 0-2", "require": {"covariate": "grade", "in": [0, 1, 2]}, "missing": "later"},
        {
            "id": "invasion",
            "text": "At most 70 %",
            "exclude": {"list": "invasion", "above": 70, "unit": "%", "window": "-56..0"},
            "missing": "passes",
        },
        {
            "id": "surgery",
            "text": "Surgery",
            "exclude": {"list": "surgery", "window": "..cutoff"},
            "missing": "passes",
            "after_index": "sensitivity censor-surgery",
        },
        {
            "id": "data",
            "text": "Data",
            "require": {"complete": "covariates", "assessments": 1, "window": "1..cutoff"},
            "missing": "fails",
            "after_index": "sensitivity all",
        },
    ],
    "covariate": {
        "age": {"from": "patient", "unit": "a", "at": "index", "cut": [60], "labels": ["<60", ">=60"]},
        "sex": {"from": "patient", "levels": ["female", "male"]},
        "grade": {"list": "grade", "values": "grade", "window": "-28..0", "levels": [0, 1, 2]},
        "size": {
            "list": "size",
            "unit": "cm",
            "window": "-56..0",
            "pick": "largest",
            "cut": [5],
            "labels": ["<5", ">=5"],
        },
    },
    "response": {
        "criteria": "mRECIST",
        "list": "response",
        "values": "response",
        "readers": {"first": "r1", "second": "r2", "adjudicator": "r3"},
        "site": "liver",
        "window": "1..cutoff",
        "best_until": ["PD", "death", "new-therapy"],
        "new_therapy": {"list": "drug", "not_part_of": "act"},
        "min_days_sd": 28,
        "imaging": {"modality": ["CT", "MR"], "max_days_apart": 14},
    },
    "endpoint": [
        {
            "id": "PFS",
            "label": "Progression-free survival",
            "events": [{"response": "PD", "site": "liver", "desc": "Progression"}, {"death": True, "desc": "Death"}],
            "censors": [
                {"last": "adequate assessment", "desc": "Last assessment"},
                {"at": "index", "desc": "No assessment"},
            ],
        },
        {
            "id": "OS",
            "label": "Overall survival",
            "events": [{"death": True, "desc": "Death"}],
            "censors": [{"last": "evidence alive", "desc": "Last known alive"}],
        },
    ],
    "alive": {
        "last_contact": "contact",
        "vital_status": "vital",
        "vital_status_values": "vital",
        "death": "death",
        "tables": ["encounter", "procedure", "observation"],
    },
    "analysis": {
        "sensitivity": [
            {"id": "breslow", "set": {"ties": "breslow"}},
            {"id": "all", "drop_criterion": "data"},
            {"id": "censor-surgery", "drop_criterion": "surgery", "censor": "surgery", "text": "Surgery censors"},
            {"id": "censor-switch", "censor": "arm-switch"},
        ]
    },
}


def study(**changes: Any) -> Study:
    """The small study, whole sections replaced."""
    return Study.model_validate({**STUDY, **changes})


def codes() -> dict[str, CodeList]:
    """One code a list: its own name. ``new-names`` looks for words."""
    made = {name: CodeList(name, entries=(CodeEntry(S, name),)) for name in STUDY["list"]}
    return made | {"new-names": CodeList("new-names", words=("fancy beads",))}


def mapping(name: str, levels: dict[str, str]) -> ConceptMapping:
    return ConceptMapping(name, tuple(ConceptRow(S, code, None, level) for code, level in levels.items()))


def maps() -> dict[str, ConceptMapping]:
    return {
        "grade": mapping("grade", {f"g{i}": str(i) for i in range(6)}),
        "response": mapping("response", {level.lower(): level for level in ("CR", "PR", "SD", "PD", "NE")}),
        "vital": mapping("vital", {"alive": "alive", "dead": "dead", "lost": "lost"}),
    }


def day(offset: int) -> str:
    """A FHIR date, in days from the index date."""
    return (INDEX + timedelta(days=offset)).isoformat()


class Hospital:
    """Rows by view; every adder returns the id it made. Dates are FHIR texts, or days from the index date as int."""

    def __init__(self, site: str = "h") -> None:
        self.site = site
        self.rows: dict[str, list[dict[str, Any]]] = {view: [] for view in VIEWS}

    def add(self, view: str, **row: Any) -> str:
        """One row; a missing id is numbered, an int in a date column is days from the index date."""
        made = {k: day(v) if isinstance(v, int) and schema(view)[k] == "string" else v for k, v in row.items()}
        made.setdefault("id", f"{view}-{len(self.rows[view]):03d}")
        self.rows[view].append({"site": self.site, "version": "1", **made})
        return str(made["id"])

    def patient(self, patient: str, **row: Any) -> str:
        return self.add("patient", id=patient, **{"gender": "male", "birth_date": "1950-06-01", **row})

    def act(self, patient: str, when: int | str = 0, material: str | None = "new", **row: Any) -> str:
        """An index-list procedure with the material of an arm: new (a Device), old (a Substance), both or None."""
        made = self.coded("procedure", "act", patient, performed_date=when, **{"status": "completed", **row})
        if material in ("new", "both"):
            thing = self.coded("device", "new")
            self.add("procedure_used", id=made, patient_id=patient, role="used", device_id=thing)
        if material in ("old", "both"):
            thing = self.coded("substance", "old")
            self.add("procedure_used", id=made, patient_id=patient, role="used", substance_id=thing)
        return made

    def coded(self, view: str, code: str, patient: str | None = None, **row: Any) -> str:
        who = {} if patient is None else {"patient_id": patient}
        return self.add(view, code_system=S, code=code, **who, **row)

    def observe(self, patient: str, code: str, when: int | str | None, answer: str | None = None, **row: Any) -> str:
        made = self.coded("observation", code, patient, **{"status": "final", "effective_date": when, **row})
        if answer is not None:
            self.add("observation_value", id=made, patient_id=patient, code_system=S, code=answer)
        return made

    def assess(self, patient: str, when: int, level: str, reader: str = "r1", **row: Any) -> str:
        site = {"body_site_system": S, "body_site": "liver"}
        return self.observe(patient, "response", when, level.lower(), **{"performer_id": reader, **site, **row})

    def subject(self, patient: str = "p1", material: str | None = "new", assessed: bool = True, **row: Any) -> str:
        """A patient who meets every criterion: treated on the index date, complete, one stable assessment on day 60."""
        self.patient(patient, **row)
        self.act(patient, 0, material, id=f"act-{patient}")
        self.coded("condition", "disease", patient, onset_date=-400, verification_status="confirmed")
        self.observe(patient, "grade", -3, "g1")
        self.observe(patient, "size", -3, value_quantity=4.0, value_unit_code="cm")
        if assessed:
            self.assess(patient, 60, "SD")
        return patient

    def tables(self) -> dict[str, ibis.Table]:
        made = {}
        for view, rows in self.rows.items():
            if rows:
                columns = schema(view)
                frame = pd.DataFrame([{name: row.get(name) for name in columns} for row in rows], columns=list(columns))
                for name in (name for name, kind in columns.items() if kind.startswith("decimal")):
                    # A column of None only is no decimal to Ibis.
                    frame[name] = [Decimal("NaN" if v is None or v != v else str(v)) for v in frame[name]]
                made[view] = ibis.memtable(frame, schema=ibis.schema(columns))
        return made

    def derive(self, made: Study | None = None, **rules: SiteRules) -> Derived:
        return derive(made or study(), codes(), maps(), self.tables(), KEY, rules)


def only(frame: pd.DataFrame, **where: Any) -> pd.Series:
    """The one row where the columns have these values."""
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1, f"{len(frame)} rows"
    return frame.iloc[0]


def counted(derived: Derived, reason: str) -> int:
    """How many the counts name under a reason."""
    counts = derived.counts
    return int(counts.loc[counts["reason"] == reason, "n"].sum())

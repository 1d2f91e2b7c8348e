"""Hypothesis strategies: small Patients and Observations, and views over them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

WORD = st.sampled_from(["a", "b", "A", "ä", "official", "usual", "x y", "'", '"', "%"])
DATE = st.sampled_from(["2020", "2020-02", "2020-02-29", "2019-12-31", "1999"])
MOMENT = st.one_of(
    DATE, st.sampled_from(["2020-02-29T10:00:00Z", "2020-02-29T18:00:00+08:00", "2020-02-29T10:00:00.123-05:00"])
)
# As an accepted copy has them: what a double would change is a string.
DECIMAL = st.one_of(
    st.sampled_from(["1.10", "1e-3", "-0.0", "1234567.123456789012345678", "2.50", "1E2", "0.95"]),
    st.integers(-50, 50),
    st.sampled_from([13.2, 0.5, -2.25]),
)
REFERENCE = st.one_of(
    st.fixed_dictionaries(
        {
            "reference": st.sampled_from(
                [
                    "Patient/p1",
                    "Patient/p2/_history/3",
                    "Practitioner/d1",
                    "Organization/o1",
                    "http://own.example/fhir/Patient/p1",
                    "http://own.example/fhir/Practitioner/d2/_history/1",
                    "http://other.example/fhir/Patient/p1",
                    "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
                    "#contained",
                    "Practitioner?identifier=http://x.example|7",
                    "nothing",
                    "Patient/",
                ]
            )
        }
    ),
    st.just({"display": "someone"}),
    st.just({"identifier": {"value": "7"}}),
    st.just({"type": "Patient"}),
)
BASES = ("http://own.example/fhir",)


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """A structure with some of its elements; never an empty one, which FHIR forbids."""
    return st.fixed_dictionaries({}, optional=optional).filter(bool)


def few(item: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(item, max_size=3)


PERIOD = some(start=MOMENT, end=MOMENT)
NAME = some(use=WORD, family=WORD, given=few(st.one_of(WORD, st.none())), period=PERIOD)
POINT = some(system=WORD, value=WORD, rank=st.integers(1, 3), period=PERIOD)
CODING = some(system=WORD, code=WORD, display=WORD)
CONCEPT = some(coding=few(CODING), text=WORD)
QUANTITY = some(value=DECIMAL, unit=WORD, comparator=st.sampled_from(["<", ">="]))
EXTENSION = st.fixed_dictionaries(
    {"url": st.sampled_from(["http://e.example/1", "http://e.example/2"])},
    optional={"valueCode": WORD, "valueDateTime": MOMENT},
)

PATIENT = st.fixed_dictionaries(
    {"resourceType": st.just("Patient"), "id": st.sampled_from(["p1", "p2", "p3"])},
    optional={
        "active": st.booleans(),
        "gender": WORD,
        "birthDate": DATE,
        "deceasedBoolean": st.booleans(),
        "name": few(NAME),
        "telecom": few(POINT),
        "contact": few(some(name=NAME, telecom=few(POINT), gender=WORD)),
        "generalPractitioner": few(REFERENCE),
        "managingOrganization": REFERENCE,
        "extension": few(EXTENSION),
    },
)
OBSERVATION = st.fixed_dictionaries(
    {"resourceType": st.just("Observation"), "id": st.sampled_from(["o1", "o2"]), "status": WORD},
    optional={
        "code": CONCEPT,
        "subject": REFERENCE,
        "performer": few(REFERENCE),
        "effectiveDateTime": MOMENT,
        "valueQuantity": QUANTITY,
        "component": few(some(code=CONCEPT, valueQuantity=QUANTITY, valueInteger=st.integers(-5, 5))),
        "bodySite": CONCEPT,
    },
)


def _items(inner: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    answer = some(valueString=WORD, valueDecimal=DECIMAL, item=inner)
    item = st.fixed_dictionaries(
        {"linkId": st.sampled_from(["1", "2", "3"])}, optional={"text": WORD, "item": inner, "answer": few(answer)}
    )
    return st.lists(item, min_size=1, max_size=2)


RESPONSE = st.fixed_dictionaries(
    {"resourceType": st.just("QuestionnaireResponse"), "id": st.sampled_from(["q1", "q2"]), "status": WORD},
    optional={"item": st.recursive(st.just([]), _items, max_leaves=6)},
)

# For each type: paths to several values of a type, to at most one, and single-valued expressions.
MANY = {
    "Patient": {
        "name": "HumanName", "telecom": "ContactPoint", "contact": "PatientContact", "contact.telecom": "ContactPoint",
        "contact.name": "HumanName", "name.where(use = 'official')": "HumanName", "generalPractitioner": "Reference",
        "telecom.where(rank > 1)": "ContactPoint", "contact.where(telecom.exists())": "PatientContact",
        "name.where(given.where($this = 'a').exists())": "HumanName", "name.given": "string",
    },
    "PatientContact": {"telecom": "ContactPoint", "name": "HumanName", "telecom.where(system != 'a')": "ContactPoint"},
    "HumanName": {"given": "string", "period": "Period"},
    "ContactPoint": {"period": "Period"},
    "Observation": {
        "component": "ObservationComponent", "code.coding": "Coding", "performer": "Reference",
        "code": "CodeableConcept",
        "component.code.coding": "Coding", "component.where(value.ofType(integer) > 0)": "ObservationComponent",
        "bodySite.coding[1]": "Coding", "component.value.ofType(Quantity)": "Quantity",
    },
    "ObservationComponent": {"code.coding": "Coding", "value.ofType(Quantity)": "Quantity"},
    "QuestionnaireResponse": {"item": "QuestionnaireResponseItem"},
    "QuestionnaireResponseItem": {"answer": "QuestionnaireResponseItemAnswer", "item": "QuestionnaireResponseItem"},
    "QuestionnaireResponseItemAnswer": {"item": "QuestionnaireResponseItem"},
    "CodeableConcept": {"coding": "Coding", "coding.where(code.exists() or display.exists())": "Coding"},
}  # fmt: skip
ONE = {
    "Patient": [
        "id", "active", "gender", "birthDate", "deceased.ofType(boolean)", "name.first().family", "name[1].use",
        "name.given.first()", "name.given[%one]", "name.exists()", "name.empty()", "name.exists(use = 'official')",
        "contact.telecom.value.first()", "active = true", "active.not()", "active and gender = %word",
        "active.exists() or gender = 'a'", "name.family = 'a'", "name.family != 'a'", "'a' = name.use",
        "name.given.join('|')", "name.given.where($this != 'b').join()", "name.given = contact.name.given",
        "birthDate = @2020-02-29", "birthDate < @2020-02-29", "birthDate != @2020", "birthDate.lowBoundary()",
        "birthDate.highBoundary()", "name.period.start.first().lowBoundary()", "deceased.exists()",
        "managingOrganization.getReferenceKey()", "managingOrganization.getReferenceKey(Patient) = getResourceKey()",
        "generalPractitioner.getReferenceKey(Practitioner).first()", "generalPractitioner.getReferenceKey()[1]",
        "extension('http://e.example/1').value.ofType(code).first()", "where(active).name.first().use",
        "where(gender = 'a').exists()", "telecom.rank.first() + 1", "telecom.rank.first() * 2 - 3",
        "telecom.rank.first() / 2", "telecom[0].rank > telecom[1].rank", "%rowIndex", "%rowIndex + 1", "'text'", "{}",
    ],
    "PatientContact": ["gender", "name.family", "telecom.first().value", "name.given.first()", "telecom.exists()"],
    "HumanName": ["use", "family", "given.first()", "given[1]", "period.start", "given.exists()", "$this.family",
                  "use = family", "period.start < period.end", "period.start = period.end", "family + use"],
    "ContactPoint": ["system", "value", "rank", "rank >= %one", "period.end.highBoundary()", "%rowIndex", "-rank"],
    "Reference": ["getReferenceKey()", "getReferenceKey(Practitioner)", "getReferenceKey(Patient)", "display"],
    "Period": ["start", "end", "start <= end", "end.exists()"],
    "string": ["$this", "$this = 'a'", "%rowIndex"],
    "Observation": [
        "id", "status", "subject.getReferenceKey(Patient)", "value.ofType(Quantity).value", "value.exists()",
        "value.ofType(Quantity).value > %limit", "value.ofType(Quantity).value + 0.1", "effective.ofType(dateTime)",
        "value.ofType(Quantity).value * 2", "value.ofType(Quantity).value / 3", "value.ofType(Quantity).value - 1",
        "value.ofType(Quantity).value.lowBoundary()", "value.ofType(Quantity).value.highBoundary()",
        "component.value.ofType(Quantity).value.first()", "component.code.coding.first().code", "bodySite.text",
        "effective.ofType(dateTime) < @2020-02-29T12:00:00Z", "effective.ofType(dateTime).highBoundary()",
        "component.first().value.ofType(integer) = 1", "performer.getReferenceKey().first()",
    ],
    "ObservationComponent": ["value.ofType(integer)", "value.ofType(Quantity).value", "code.text", "value.empty()",
                             "code.coding.first().code", "value.ofType(integer) + value.ofType(Quantity).value"],
    "QuestionnaireResponse": ["id", "status", "item.linkId.first()", "item.item.exists()", "item.answer.exists()"],
    "QuestionnaireResponseItem": ["linkId", "text", "%rowIndex", "item.exists()", "answer.value.ofType(string).first()",
                                  "item.first().linkId", "linkId = text"],
    "QuestionnaireResponseItemAnswer": ["value.ofType(string)", "value.ofType(decimal)", "item.linkId.first()"],
    "CodeableConcept": ["text", "coding.first().code", "coding.exists()"],
    "Coding": ["system", "code", "display", "code = display", "code.exists() and system.exists()", "%rowIndex"],
    "Quantity": ["value", "unit", "comparator", "value >= 1.1", "value = 1.1"],
}  # fmt: skip
SEVERAL = {
    "Patient": ["name.given", "contact.telecom.value", "name.family", "telecom.rank",
                "generalPractitioner.getReferenceKey()", "id", "name.where(family = 'a').given"],
    "HumanName": ["given", "family"],
    "PatientContact": ["telecom.value"],
    "Observation": ["component.value.ofType(Quantity).value", "code.coding.code", "component.value.ofType(integer)"],
}  # fmt: skip
REPEATS = {
    "QuestionnaireResponse": [["item"], ["item", "answer.item"], ["item.where(linkId != '3')", "answer.item"]],
    "QuestionnaireResponseItem": [["item"], ["answer.item", "item"]],
    "QuestionnaireResponseItemAnswer": [["item"]],
}
CONDITIONS = {
    "QuestionnaireResponse": ["status = 'a'", "item.exists()", "item.where(linkId = '1').exists()"],
    "Patient": ["active", "name.exists()", "gender = 'a' or active", "telecom.where(rank > 1).empty()", "{}"],
    "Observation": ["status = 'a'", "component.exists()", "value.ofType(Quantity).value > 1.05", "subject.exists()"],
}


@st.composite
def columns(draw: st.DrawFn, type_: str, prefix: str) -> list[Json]:
    made = [{"name": f"{prefix}c{i}", "path": path} for i, path in enumerate(draw(few(st.sampled_from(ONE[type_]))))]
    if type_ in SEVERAL and draw(st.booleans()):
        made.append({"name": f"{prefix}s", "path": draw(st.sampled_from(SEVERAL[type_])), "collection": True})
    return made


@st.composite
def selections(draw: st.DrawFn, type_: str, prefix: str, depth: int) -> Json:
    """One select; the names of its columns begin with ``prefix``."""
    made: Json = {}
    kinds = ["", "forEach", "forEachOrNull", *(["repeat"] * 2 if type_ in REPEATS else [])]
    over = draw(st.sampled_from(kinds)) if type_ in MANY else ""
    if over == "repeat":
        made[over], type_ = draw(st.sampled_from(REPEATS[type_])), "QuestionnaireResponseItem"
    elif over:
        path = draw(st.sampled_from(sorted(MANY[type_])))
        made[over], type_ = path, MANY[type_][path]
    made["column"] = draw(columns(type_, prefix))
    if depth:
        made["select"] = [draw(selections(type_, f"{prefix}n{i}", depth - 1)) for i in range(draw(st.integers(0, 2)))]
        if draw(st.integers(0, 3)) == 0:
            made["unionAll"] = draw(unions(type_, f"{prefix}u"))
    return made


@st.composite
def unions(draw: st.DrawFn, type_: str, prefix: str) -> list[Json]:
    """Two branches of equal columns, each over its own items."""
    branches = []
    for _ in range(2):
        branch: Json = {"column": [{"name": f"{prefix}x", "path": "'x'"}, {"name": f"{prefix}i", "path": "%rowIndex"}]}
        over = draw(st.sampled_from(["", "forEach", "forEachOrNull"]))
        if over and type_ in MANY:
            path = draw(st.sampled_from(sorted(MANY[type_])))
            branch[over] = path
            if ONE[MANY[type_][path]][0] in ("$this", "use", "system", "gender", "start", "text", "linkId"):
                branch["column"].append({"name": f"{prefix}y", "path": ONE[MANY[type_][path]][0], "type": "string"})
        if len(branch["column"]) == 2:
            branch["column"].append({"name": f"{prefix}y", "path": "{}", "type": "string"})
        branches.append(branch)
    return branches


@st.composite
def views(draw: st.DrawFn, resource: str) -> Json:
    return {
        "resource": resource,
        "name": "generated",
        "constant": [
            {"name": "one", "valueInteger": 1},
            {"name": "word", "valueCode": "a"},
            {"name": "limit", "valueDecimal": "1.1"},
        ],
        "select": [
            {"column": [{"name": "id", "path": "getResourceKey()"}]},
            *(draw(selections(resource, f"k{i}", 2)) for i in range(draw(st.integers(1, 2)))),
        ],
        "where": [{"path": path} for path in draw(st.lists(st.sampled_from(CONDITIONS[resource]), max_size=1))],
    }

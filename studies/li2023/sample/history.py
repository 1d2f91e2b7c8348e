"""A subject's chart up to the index date: who it is, the disease, what was done before, and the baseline."""

from __future__ import annotations

from datetime import date, timedelta

from .chart import DICOM, ICD10, ICD10_PCS, LIVER, LOINC, RXNORM, SCT, Chart, Json, concept, invented, quantity, size
from .story import baseline_targets

ECOG_LOINC = {0: "LA9622-7", 1: "LA9623-5", 2: "LA9624-3", 3: "LA9625-0", 4: "LA9626-8"}
ECOG_SNOMED = {0: "425389002", 1: "422512005", 2: "422894000", 3: "423053003", 4: "423237006"}
CHILD_PUGH = {"A": "710065009", "B": "710066005", "C": "710067001"}
DRUGS = {"oxaliplatin": "32592", "fluorouracil": "4492", "bevacizumab": "253337", "irinotecan": "51499"}
CONFIRMED = concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed", "Confirmed")
REFUTED = concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted", "Refuted")
ACTIVE = concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active")
SIZE_CODE = concept(LOINC, "21889-1", "Size Tumor")
DIAMETER = concept(LOINC, "33728-7", "Size.maximum dimension in Tumor")


def write_history(chart: Chart) -> None:
    """Everything before or on the index date but the index procedure."""
    _patient(chart)
    _disease(chart)
    _earlier_treatment(chart)
    _baseline_visit(chart)
    _baseline_scan(chart)


def _patient(chart: Chart) -> None:
    subject = chart.subject
    body: Json = {
        "identifier": [{"system": "https://bedside.example/fhir/NamingSystem/li2023-sample", "value": subject.id}],
        "active": True,
        "gender": subject.sex,
        "birthDate": birth_date(chart).isoformat(),
        "managingOrganization": {"reference": "Organization/sample-hospital"},
    }
    if subject.dead:
        body["deceasedDateTime"] = chart.when(subject.os_days)
    chart.add("Patient", "", body, printed=True)


def birth_date(chart: Chart) -> date:
    """A birthday that makes the subject the table's age on the index date.

    In the year of the index date it falls before or on that day, so that the year of birth alone gives the same age;
    after it only for the subjects whose traits say so.
    """
    subject, rng = chart.subject, chart.rng
    into_year = subject.index.timetuple().tm_yday
    year = subject.index.year - subject.age
    if subject.has("birthday-on-index"):
        return subject.index.replace(year=year)
    if subject.has("birthday-after-index") and into_year < 355:
        return date(year - 1, 1, 1) + timedelta(days=rng.randrange(into_year + 2, 364))
    return date(year, 1, 1) + timedelta(days=rng.randrange(0, max(1, into_year - 2)))


def _disease(chart: Chart) -> None:
    subject, rng = chart.subject, chart.rng
    diagnosed = -rng.randrange(420, 1100)
    rectum = rng.random() < 0.35
    pathology = chart.observation(
        "pathology",
        diagnosed,
        invented("pathology-finding", "Finding of pathology"),
        valueCodeableConcept=invented("adenocarcinoma", "Adenocarcinoma of colon or rectum"),
    )
    primary = concept(SCT, "363351006", "Malignant tumor of rectum") if rectum else None
    primary = primary or concept(SCT, "363406005", "Malignant tumor of colon")
    primary["coding"].append({"system": ICD10, "code": "C20" if rectum else rng.choice(("C18.2", "C18.4", "C18.7"))})
    _condition(chart, "primary", primary, diagnosed, evidence=[{"detail": [pathology]}])

    resected = diagnosed + rng.randrange(20, 60)
    code = concept(SCT, "43075005", "Partial resection of colon")
    if rectum:
        code = concept(ICD10_PCS, "0DTP0ZZ", "Resection of rectum, open approach")
    body = {"status": "completed", "code": code, "subject": chart.patient, "performedDateTime": chart.when(resected)}
    chart.add("Procedure", "resection", body)

    spread = rng.randrange(resected + 30, -120)
    liver = concept(SCT, "94381002", "Secondary malignant neoplasm of liver")
    liver["coding"].append({"system": ICD10, "code": "C78.7"})
    _condition(chart, "liver-metastasis", liver, spread)
    lung = concept(SCT, "94391008", "Secondary malignant neoplasm of lung")
    if subject.has("lung-metastasis"):
        _condition(chart, "lung-metastasis", lung, -rng.randrange(10, 50))
    if subject.has("refuted-metastasis"):
        _condition(chart, "lung-suspected", lung, -15, verificationStatus=REFUTED, clinicalStatus=None)


def _condition(chart: Chart, suffix: str, code: Json, offset: int, **more: object) -> None:
    rng = chart.rng
    body: Json = {"clinicalStatus": ACTIVE, "verificationStatus": CONFIRMED, "code": code, "subject": chart.patient}
    # The day of the record is later than the day of the diagnosis; some sources only have the extension.
    if rng.random() < 0.25:
        asserted = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
        body["extension"] = [{"url": asserted, "valueDateTime": chart.on(offset)}]
    else:
        body["onsetDateTime"] = chart.when(offset)
    body["recordedDate"] = chart.on(min(offset + rng.randrange(0, 12), -1))
    body.update(more)
    chart.add("Condition", suffix, {key: value for key, value in body.items() if value is not None})


def _earlier_treatment(chart: Chart) -> None:
    rng = chart.rng
    end = -rng.randrange(28, 60)
    for drug in ("oxaliplatin", "fluorouracil", *(("bevacizumab",) if rng.random() < 0.6 else ())):
        start = end - rng.randrange(40, 85)
        administer(
            chart, f"earlier-{drug}", drug, {"effectivePeriod": {"start": chart.when(start), "end": chart.on(end)}}
        )
    # Progression before the index date is what refractory means: it must not count as progression after it.
    reading = {
        "valueCodeableConcept": concept(LOINC, "LA28370-7", "Progressive disease"),
        "bodySite": LIVER,
        "method": {"text": "mRECIST"},
        "performer": [{"reference": "Practitioner/reader-1"}],
    }
    code = concept(LOINC, "88040-1", "Response to cancer treatment")
    chart.observation("refractory", end + rng.randrange(3, 12), code, **reading)


def administer(chart: Chart, suffix: str, drug: str, body: Json) -> None:
    """A MedicationAdministration of a drug, by its RxNorm code."""
    code = concept(RXNORM, DRUGS[drug], drug)
    made = {"status": "completed", "medicationCodeableConcept": code, "subject": chart.patient}
    chart.add("MedicationAdministration", suffix, {**made, **body})


def ecog(chart: Chart, suffix: str, offset: int, grade: int, *, printed: bool = False, status: str = "final") -> None:
    """An ECOG performance status with a coded answer."""
    answer = concept(LOINC, ECOG_LOINC[grade], f"ECOG {grade}")
    if chart.subject.has("snomed-ecog"):
        answer = concept(SCT, ECOG_SNOMED[grade], f"ECOG grade {grade}")
    code = concept(LOINC, "89247-1", "ECOG Performance Status score")
    if chart.subject.has("unknown-code") and printed:
        answer = concept("https://bedside.example/fhir/CodeSystem/local-answers", f"PS-{grade}", f"Grade {grade}")
    body = {"status": status, "valueCodeableConcept": answer}
    chart.observation(suffix, offset, code, printed=printed, **body)


def _child_pugh(chart: Chart, suffix: str, offset: int, level: str, *, printed: bool = False) -> None:
    code = concept(SCT, "3191000175106", "Child-Pugh classification")
    answer = concept(SCT, CHILD_PUGH[level], f"Child-Pugh score class {level}")
    chart.observation(suffix, offset, code, printed=printed, valueCodeableConcept=answer)


def _baseline_visit(chart: Chart) -> None:
    subject, rng = chart.subject, chart.rng
    offset = -rng.randrange(0, 7)
    encounter(chart, "visit-baseline", offset, offset)
    ecog(chart, "ecog", offset, subject.ecog, printed=True)
    _child_pugh(chart, "child-pugh", offset, subject.child_pugh, printed=True)
    if subject.has("older-ecog"):
        ecog(chart, "ecog-older", -24, subject.ecog + 1)
    if subject.has("erroneous-ecog"):
        ecog(chart, "ecog-erroneous", offset, 4, status="entered-in-error")
    if subject.has("older-child-pugh"):
        _child_pugh(chart, "child-pugh-older", -27, "A")
    share = 70 if subject.has("invasion-at-limit") else min(65, 4 + 3 * subject.lesions + subject.size_mm // 4)
    code = invented("liver-invasion", "Share of the liver invaded by tumour")
    chart.observation("liver-invasion", offset, code, valueQuantity=quantity(str(share), "%"), bodySite=LIVER)


def _baseline_scan(chart: Chart) -> None:
    subject, rng = chart.subject, chart.rng
    if subject.has("no-lesion-baseline"):
        return
    offset = -rng.randrange(7, 22)
    study = scan(chart, "scan-baseline", offset, rng.choice(("CT", "MR")))
    code = concept(SCT, "246206008", "Number of lesions")
    chart.observation(
        "lesion-count", offset, code, printed=True, valueInteger=subject.lesions, bodySite=LIVER, derivedFrom=[study]
    )
    lobes = concept(SCT, "51440002", "Right and left") if subject.both_lobes else concept(SCT, "1363295008", "Unilobar")
    code = invented("lesion-distribution", "Lobes of the liver with lesions")
    chart.observation("lesion-lobes", offset, code, printed=True, valueCodeableConcept=lobes, derivedFrom=[study])
    for n, diameter in enumerate(baseline_targets(subject), start=1):
        lesion(chart, f"lesion-{n}-baseline", offset, n, diameter, study, printed=n == 1)
    if subject.lesions > 2:
        smaller = max(8, subject.size_mm // 2)
        lesion(chart, "lesion-3-baseline", offset, 3, smaller, study, role="non-target")
    if subject.has("older-larger-lesion"):
        older = scan(chart, "scan-older", -95, "CT")
        lesion(chart, "lesion-1-older", -95, 1, subject.size_mm + 5, older)


def lesion(
    chart: Chart,
    suffix: str,
    offset: int,
    number: int,
    millimetres: int,
    study: Json,
    *,
    role: str = "target",
    printed: bool = False,
    reader: str = "reader-1",
) -> None:
    """The viable (arterially enhancing) diameter of one lesion, its identity and role in components."""
    subject = chart.subject
    digits = 2 if subject.has("long-decimals") else 1
    enhancing = ("enhancing", "Arterial enhancement") if millimetres else ("not-enhancing", "No arterial enhancement")
    components = [
        {"code": DIAMETER, "valueQuantity": size(millimetres, in_mm=subject.has("millimetres"), digits=digits)},
        {"code": invented("lesion-identity", "Which lesion"), "valueString": f"L{number}"},
        {
            "code": invented("lesion-role", "Role in the criteria"),
            "valueCodeableConcept": invented(role, role.capitalize()),
        },
        {"code": invented("arterial-enhancement", "Arterial phase"), "valueCodeableConcept": invented(*enhancing)},
    ]
    body = {"bodySite": LIVER, "method": {"text": "mRECIST viable diameter"}, "derivedFrom": [study]}
    body["performer"] = [{"reference": f"Practitioner/{reader}"}]
    chart.observation(suffix, offset, SIZE_CODE, printed=printed, **body, component=components)


def scan(chart: Chart, suffix: str, offset: int, modality: str) -> Json:
    """A contrast-enhanced ImagingStudy of the liver; returns the Reference to it."""
    coding = {"system": DICOM, "code": modality}
    # A 2.25 identifier is any 128-bit number: here one drawn from the subject's own generator.
    series = {
        "uid": f"2.25.{chart.rng.getrandbits(96)}",
        "number": 1,
        "modality": coding,
        "bodySite": LIVER["coding"][0],
    }
    body: Json = {"status": "available", "subject": chart.patient, "started": chart.at(offset), "numberOfSeries": 1}
    if not chart.subject.has("modality-in-series"):
        body["modality"] = [coding]
    body["description"] = f"{modality} of the liver with contrast, arterial and portal venous phase"
    return chart.add("ImagingStudy", suffix, {**body, "series": [series]})


def encounter(chart: Chart, suffix: str, first: int, last: int, *, status: str = "finished") -> Json:
    """A visit, or a stay where it ends on a later day; returns the Reference to it."""
    kind = "AMB" if first == last else "IMP"
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind}
    period = {"start": chart.at(first, 7), "end": chart.at(last, 18)}
    return chart.add("Encounter", suffix, {"status": status, "class": act, "subject": chart.patient, "period": period})

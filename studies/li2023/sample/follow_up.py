"""A subject's chart from the index date on: TACE sessions, assessments, later treatment, and the last that is known."""

from __future__ import annotations

from .chart import ICD10_PCS, LIVER, LOINC, SCT, VITAL_STATUS, Chart, Json, concept, invented, quantity
from .history import administer, ecog, encounter, lesion, scan
from .story import Assessment, Session, assessments, baseline_targets, sessions

ANSWERS = {
    "CR": concept(LOINC, "LA28366-5", "Complete response"),
    "PR": concept(LOINC, "LA28369-9", "Partial response"),
    "SD": concept(LOINC, "LA28371-5", "Stable disease"),
    "PD": concept(LOINC, "LA28370-7", "Progressive disease"),
    "NE": concept(SCT, "709137006", "Patient condition undetermined"),
}
RESPONSE = concept(LOINC, "88040-1", "Response to cancer treatment")


def write_follow_up(chart: Chart) -> None:
    """Everything from the index procedure to the last evidence of life or death, and nothing after it."""
    for n, session in enumerate(sessions(chart.subject, chart.rng), start=1):
        _session(chart, n, session)
    for n, assessment in enumerate(assessments(chart.subject, chart.rng), start=1):
        _assessment(chart, n, assessment)
    _later_treatment(chart)
    _last_known(chart)


def _session(chart: Chart, n: int, session: Session) -> None:
    subject, rng = chart.subject, chart.rng
    day = session.day
    encounter(chart, f"stay-{n}", day - 1, min(day + 2, subject.os_days))
    used = []
    if session.beads:
        used.append(_beads(chart, n))
    if session.oil:
        oil = {"status": "active", "code": concept(SCT, "89595000", "Iodized oil", "Iodised oil")}
        used.append(chart.add("Substance", f"oil-{n}", oil))
    if subject.has("unknown-material"):
        used = []
    body: Json = {
        "status": "completed",
        "code": concept(SCT, "441525007", "Transarterial chemoembolization", "Transarterial chemoembolisation"),
        "subject": chart.patient,
        "encounter": {"reference": f"Encounter/{subject.id}-stay-{n}"},
        "bodySite": [concept(SCT, "76015000", "Hepatic artery structure")],
    }
    if rng.random() < 0.35:
        body["performedPeriod"] = {"start": chart.at(day, 9), "end": chart.at(day, 11)}
    else:
        body["performedDateTime"] = chart.when(day)
    if used:
        body["usedReference"] = used
    procedure = chart.add("Procedure", f"tace-{n}", body, printed=n == 1)
    dosage = {"route": concept(SCT, "58100008", "Intra-arterial route"), "dose": quantity("100", "mg")}
    given = {"effectiveDateTime": chart.when(day), "partOf": [procedure], "dosage": dosage}
    administer(chart, f"tace-{n}-irinotecan", "irinotecan", given)
    if n == 1 and subject.has("not-done-session"):
        reason = invented("fever", "Fever on the day")
        chart.add(
            "Procedure",
            "tace-not-done",
            {
                "status": "not-done",
                "statusReason": reason,
                "code": concept(SCT, "441525007", "Transarterial chemoembolization"),
                "subject": chart.patient,
                "performedDateTime": chart.on(-10),
            },
        )


def _beads(chart: Chart, n: int) -> Json:
    kind = concept(SCT, "102316004", "Embolization particulate", "CalliSpheres 300-500 um")
    if chart.subject.has("text-only-beads"):
        kind = {"text": "DC Bead 100-300 um"}
    return chart.add("Device", f"beads-{n}", {"status": "active", "type": kind, "patient": chart.patient})


def _assessment(chart: Chart, n: int, found: Assessment) -> None:
    subject = chart.subject
    study = scan(chart, f"scan-{n}", found.day - found.scanned_before, found.modality)
    visit = encounter(chart, f"visit-{n}", found.day, found.day)
    readings = [("reader-1", found.first), ("reader-2", found.second)]
    if found.third is not None:
        readings.append(("reader-3", found.third))
    for reader, level in readings:
        chart.observation(
            f"response-{n}-{reader}",
            found.day,
            RESPONSE,
            printed=True,
            encounter=visit,
            issued=f"{chart.on(found.day)}T18:{chart.rng.randrange(10, 60)}:00+08:00",
            valueCodeableConcept=ANSWERS[level],
            bodySite=LIVER,
            method={"text": "mRECIST"},
            performer=[{"reference": f"Practitioner/{reader}"}],
            derivedFrom=[study],
        )
    if found.targets and not subject.has("no-lesion-baseline"):
        accepted = "reader-1" if found.first == found.level else "reader-2"
        if found.third is not None:
            accepted = "reader-3"
        for number, diameter in enumerate(found.targets, start=1):
            lesion(chart, f"lesion-{number}-{n}", found.day, number, diameter, study, reader=accepted)
        if subject.lesions > len(baseline_targets(subject)):
            _non_target(chart, n, found, study, accepted)
    status = {"PD": ("271299001", "Patient's condition worsened")}.get(
        found.level, ("359746009", "Patient's condition stable")
    )
    if found.level != "NE":
        code = invented("disease-status", "Disease status at the visit")
        body = {"valueCodeableConcept": concept(SCT, *status), "encounter": visit}
        chart.observation(f"disease-status-{n}", found.day, code, **body)


def _non_target(chart: Chart, n: int, found: Assessment, study: Json, reader: str) -> None:
    level = "CR" if found.level == "CR" else "non-CR-non-PD"
    components = [
        {"code": invented("lesion-identity", "Which lesion"), "valueString": "L3"},
        {
            "code": invented("lesion-role", "Role in the criteria"),
            "valueCodeableConcept": invented("non-target", "Non-target"),
        },
        {
            "code": invented("non-target-status", "Response of the lesion"),
            "valueCodeableConcept": invented(level, level),
        },
    ]
    code = concept(LOINC, "21889-1", "Size Tumor")
    body = {"bodySite": LIVER, "method": {"text": "mRECIST"}, "performer": [{"reference": f"Practitioner/{reader}"}]}
    chart.observation(f"lesion-3-{n}", found.day, code, **body, derivedFrom=[study], component=components)


def _later_treatment(chart: Chart) -> None:
    subject, rng = chart.subject, chart.rng
    later = subject.pfs_days + 14
    if subject.has("therapy-after-progression") and subject.pfs_event and later + 42 < subject.os_days:
        period = {"start": chart.when(later), "end": chart.on(later + 42)}
        administer(chart, "later-fluorouracil", "fluorouracil", {"effectivePeriod": period})
    if subject.has("liver-surgery") or subject.has("liver-ablation"):
        code = concept(SCT, "107963000", "Liver excision")
        if subject.has("liver-ablation"):
            code = concept(ICD10_PCS, "0F503ZZ", "Destruction of liver, percutaneous approach")
        day = min(rng.randrange(60, 100), subject.os_days - 10)
        body = {"status": "completed", "code": code, "subject": chart.patient, "performedDateTime": chart.when(day)}
        chart.add("Procedure", "liver-procedure", body)
    if subject.os_days > 60:
        ecog(chart, "ecog-later", 30, min(subject.ecog + 1, 4))


def _last_known(chart: Chart) -> None:
    """The last evidence of life lies on the last day and comes from one kind of source in turn; the rest is earlier."""
    subject, rng = chart.subject, chart.rng
    last = subject.os_days
    if subject.has("planned-encounter"):
        encounter(chart, "visit-planned", last + 30, last + 30, status="planned")
    code = concept(LOINC, "67162-8", "Vital status")
    if subject.dead:
        answer = concept(VITAL_STATUS, "T", "Patient verstorben")
        chart.observation("vital-status", last, code, printed=True, valueCodeableConcept=answer)
        _last_contact(chart, max(0, last - rng.randrange(1, 20)))
        return
    lost = subject.has("lost")
    source = "last-contact" if lost else rng.choice(("last-contact", "vital-status", "encounter"))
    earlier = max(0, last - rng.randrange(0, 15))
    _last_contact(chart, last if source == "last-contact" else earlier, printed=True)
    answer = concept(VITAL_STATUS, "A" if lost else "L", "Lost to follow-up" if lost else "Patient lebt")
    known = last if source == "vital-status" or lost else earlier
    chart.observation("vital-status", known, code, printed=True, valueCodeableConcept=answer)
    if source == "encounter":
        encounter(chart, "visit-last", last, last)


def _last_contact(chart: Chart, offset: int, *, printed: bool = False) -> None:
    code = concept(LOINC, "21975-8", "Date of last contact")
    chart.observation("last-contact", offset, code, printed=printed, valueDateTime=chart.when(offset))

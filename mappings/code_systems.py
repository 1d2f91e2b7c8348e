"""Codings as they are found, brought to one form: system addresses and codes, in Python and as Ibis expressions.

Facts on the addresses in use: ``docs/clarifications.md`` (C-20 and on). The two versions of each rule are held equal
by a property test.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD10_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
ATC = "http://www.whocc.no/atc"
OPS = "http://fhir.de/CodeSystem/bfarm/ops"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
CPT = "http://www.ama-assn.org/go/cpt"
UCUM = "http://unitsofmeasure.org"
TEXT = "urn:bedside:text"
"""The system of a list of words looked for in free text; not an address anyone puts in a Coding."""

# Addresses without scheme, www, version, trailing slash, in lower case. The national modifications of ICD-10 share
# its three- and four-character categories, so a list written for one is matched by all (C-22).
_ALIASES: dict[str, tuple[str, ...]] = {
    SNOMED: ("snomed.info/sct", "snomed.info", "urn:oid:2.16.840.1.113883.6.96", "snomed.info/id"),
    LOINC: ("loinc.org", "urn:oid:2.16.840.1.113883.6.1"),
    ICD10: (
        "hl7.org/fhir/sid/icd-10",
        "hl7.org/fhir/sid/icd-10-cm",
        "hl7.org/fhir/sid/icd-10-gm",
        "hl7.org/fhir/sid/icd-10-who",
        "fhir.de/codesystem/bfarm/icd-10-gm",
        "fhir.de/codesystem/dimdi/icd-10-gm",
        "fhir.de/codesystem/bfarm/icd-10-who",
        "who.int/classifications/icd10",
        "urn:oid:2.16.840.1.113883.6.3",
        "urn:oid:2.16.840.1.113883.6.90",
        "urn:oid:1.2.276.0.76.5.409",
    ),
    ICD10_PCS: (
        "cms.gov/medicare/coding/icd10",
        "hl7.org/fhir/sid/icd-10-pcs",
        "urn:oid:2.16.840.1.113883.6.4",
    ),
    ATC: (
        "whocc.no/atc",
        "fhir.de/codesystem/bfarm/atc",
        "fhir.de/codesystem/dimdi/atc",
        "urn:oid:2.16.840.1.113883.6.73",
    ),
    OPS: ("fhir.de/codesystem/bfarm/ops", "fhir.de/codesystem/dimdi/ops", "urn:oid:1.2.276.0.76.5.387"),
    RXNORM: ("nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88"),
    DICOM: ("dicom.nema.org/resources/ontology/dcm", "urn:oid:1.2.840.10008.2.16.4"),
    CPT: ("ama-assn.org/go/cpt", "urn:oid:2.16.840.1.113883.6.12"),
    UCUM: ("unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"),
}
_CANONICAL = {alias: system for system, aliases in _ALIASES.items() for alias in aliases}
# Their codes are digits, or letters whose case carries no meaning. Every other system keeps its codes' case.
_ANY_CASE = frozenset((SNOMED, LOINC, ICD10, ICD10_PCS, ATC, OPS, RXNORM, DICOM, CPT))

_VERSION = r"\|.*$"
_SLASHES = r"/+$"
_SCHEME = r"^[hH][tT][tT][pP][sS]?://([wW][wW][wW]\.)?"
# A module and version in the address (SNOMED), a code or a part of the site behind it (LOINC).
_SNOMED_REST = r"^snomed\.info/sct/.*$"
_LOINC_REST = r"^loinc\.org/.*$"
_SECURE = r"^[hH][tT][tT][pP][sS]?://"
# SNOMED compositional grammar: an optional definition status, then the focus concept.
_FOCUS = r"^(?:===|<<<)?\s*([0-9]{6,18})(?:[^0-9].*)?$"
_UNDOTTED = r"^([A-Z][0-9][0-9A-Z])([0-9A-Z]+)$"


def normalise_system(system: str | None) -> str | None:
    """The canonical address of a code system, or None where there is none.

    Folds https and www, a trailing slash, a version, the aliases and object identifiers in use, ICD-10's national
    modifications, and a code appended to LOINC's address. An unknown address keeps its words.
    """
    if system is None or not system.strip():
        return None
    plain = re.sub(_SLASHES, "", re.sub(_VERSION, "", system.strip()))
    key = re.sub(_SCHEME, "", plain).lower()
    key = re.sub(_LOINC_REST, "loinc.org", re.sub(_SNOMED_REST, "snomed.info/sct", key))
    return _CANONICAL.get(key) or re.sub(_SECURE, "http://", plain)


def normalise_code(system: str | None, code: str | None) -> str | None:
    """A code without surrounding space, in upper case where its system (already normalised) has no case.

    A post-coordinated SNOMED expression gives its focus concept; an ICD-10 code gets its dot. A code without system
    is compared without case.
    """
    if code is None or not code.strip():
        return None
    plain = code.strip()
    if system is None or system in _ANY_CASE:
        plain = plain.upper()
    if system == SNOMED:
        return re.sub(_FOCUS, r"\1", plain)
    if system == ICD10:
        return re.sub(_UNDOTTED, r"\1.\2", plain)
    return plain


def system_expression(column: ir.StringValue) -> ir.StringValue:
    """:func:`normalise_system` as an Ibis expression. For distinct values: the caller joins back to its rows."""
    import ibis

    plain = column.strip().re_replace(_VERSION, "").re_replace(_SLASHES, "")
    key = plain.re_replace(_SCHEME, "").lower()
    key = key.re_replace(_SNOMED_REST, "snomed.info/sct").re_replace(_LOINC_REST, "loinc.org")
    known = key.cases(*_CANONICAL.items(), else_=plain.re_replace(_SECURE, "http://"))
    return ibis.ifelse(column.strip() == "", ibis.null("string"), known)


def code_expression(system: ir.StringValue, column: ir.StringValue) -> ir.StringValue:
    """:func:`normalise_code` as an Ibis expression over an already normalised system."""
    import ibis

    plain = column.strip()
    caseless = system.isnull() | system.isin(sorted(_ANY_CASE))
    plain = ibis.ifelse(caseless, plain.upper(), plain)
    # Not by a replacement that names its groups: engines write those differently.
    made = ibis.cases(
        ((system == SNOMED) & plain.re_search(_FOCUS), plain.re_extract(_FOCUS, 1)),
        (
            (system == ICD10) & plain.re_search(_UNDOTTED),
            plain.re_extract(_UNDOTTED, 1) + "." + plain.re_extract(_UNDOTTED, 2),
        ),
        else_=plain,
    )
    return ibis.ifelse(plain == "", ibis.null("string"), made)

"""The code lists by example. Oracle: the rows of the table of codes in the plan (shared/fhir.md, section 1)."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from analysis.study.model import Study
from mappings.codelists import CodeList, ConceptMapping, parse_concept_map, parse_value_set

STUDY = Path(__file__).resolve().parents[3] / "studies" / "li2023"
SCT, LOINC, ICD = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
ATC = "http://fhir.de/CodeSystem/bfarm/atc"
OBDS = (
    "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/CodeSystem/mii-cs-onko-verlauf-gesamtbeurteilung"
)


def code_list(name: str) -> CodeList:
    return parse_value_set(name, json.loads((STUDY / "codes" / f"{name}.json").read_text(encoding="utf-8")))


def answers(name: str) -> ConceptMapping:
    return parse_concept_map(name, json.loads((STUDY / "maps" / f"{name}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("name", "system", "code", "member"),
    [
        ("colorectal-cancer", ICD, "C18.7", True),
        ("colorectal-cancer", "http://hl7.org/fhir/sid/icd-10-cm", "C20", True),
        ("colorectal-cancer", ICD, "C21.0", False),
        ("colorectal-cancer", SCT, "363414004", True),
        ("liver-metastasis", ICD, "C78.7", True),
        ("liver-metastasis", SCT, "94381002:260716003=93761005", True),
        ("liver-metastasis", ICD, "C78.0", False),
        ("metastasis-not-liver", ICD, "C78.7", False),
        ("metastasis-not-liver", ICD, "C78.6", True),
        ("metastasis-not-liver", ICD, "C77.2", True),
        ("metastasis-not-liver", "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "C79.5", True),
        ("metastasis-not-liver", SCT, "94381002", False),
        ("tace", "http://fhir.de/CodeSystem/bfarm/ops", "8-836.ka", True),
        ("tace", "http://fhir.de/CodeSystem/bfarm/ops", "8-83b.12", True),
        ("tace", "http://fhir.de/CodeSystem/bfarm/ops", "8-541.6", True),
        ("tace", PCS, "3E05305", True),
        ("tace", SCT, "57238002", False),
        ("liver-surgery-or-ablation", PCS, "0FB00ZZ", True),
        ("liver-surgery-or-ablation", PCS, "0FB03ZX", False),
        ("liver-surgery-or-ablation", PCS, "0FT20ZZ", True),
        ("liver-surgery-or-ablation", PCS, "0F503ZZ", True),
        ("liver-surgery-or-ablation", PCS, "0FB40ZZ", False),
        ("primary-resection", PCS, "0DTN4ZZ", True),
        ("primary-resection", PCS, "0DTJ0ZZ", False),
        ("systemic-treatment", ATC, "L01XX19", True),
        ("systemic-treatment", "http://www.nlm.nih.gov/research/umls/rxnorm", "253337", True),
        ("ecog", LOINC, "89243-0", False),
        ("child-pugh", LOINC, "75622-1", False),
        ("tumour-response", LOINC, "97509-4", True),
        ("liver", SCT, "277960005", True),
    ],
)
def test_membership(name: str, system: str, code: str, member: bool) -> None:
    assert code_list(name).contains(system, code) is member


@pytest.mark.parametrize(
    ("name", "system", "code", "level"),
    [
        ("tumour-response", LOINC, "LA28371-5", "SD"),
        ("tumour-response", LOINC, "LA28370-7", "PD"),
        ("tumour-response", SCT, "268910001", None),
        ("tumour-response", SCT, "709137006", "NE"),
        ("tumour-response", OBDS, "V", "CR"),
        ("tumour-response", OBDS, "D", None),
        ("tumour-response", "http://dicom.nema.org/resources/ontology/DCM", "112043", "PD"),
        ("tumour-response", None, "CR", "CR"),
        ("ecog", LOINC, "LA9627-6", "5"),
        ("ecog", SCT, "422894000", "2"),
        ("ecog", None, "1", "1"),
        ("child-pugh", SCT, "710067001", "C"),
        ("child-pugh", None, "7", "B"),
        ("child-pugh", None, "10", "C"),
        ("child-pugh", None, "B", "B"),
        ("lesion-lobes", SCT, "51440002", "both"),
    ],
)
def test_translation(name: str, system: str | None, code: str, level: str | None) -> None:
    assert answers(name).translate(system, code) == level


@pytest.mark.parametrize(
    ("text", "beads", "oil"),
    [
        ("CalliSpheres 300-500 um", True, False),
        ("Chemoembolisation, DC  Bead M1", True, False),
        ("DEBIRI-TACE", True, False),
        ("debridement", False, False),
        ("10 ml Lipiodol ultra-fluid", False, True),
        ("gelatine sponge", False, False),
    ],
)
def test_words(text: str, beads: bool, oil: bool) -> None:
    assert code_list("bead-names").found_in(text) is beads
    assert code_list("oil-names").found_in(text) is oil


def test_the_study_file_names_lists_that_exist_and_the_ids_the_published_figures_use() -> None:
    study = Study.model_validate(tomllib.loads((STUDY / "study.toml").read_text(encoding="utf-8")))
    for name, use in study.lists.items():
        assert (STUDY / "codes" / (use.file or f"{name}.json")).is_file()
    expected = json.loads((STUDY / "expected.json").read_text(encoding="utf-8"))["figures"]
    used = {figure["id"].split(".")[2] for figure in expected if figure["id"].startswith("pfs.uni.")} - {"treatment"}
    assert used == set(study.covariate)
    assert [endpoint.id for endpoint in study.endpoint] == ["PFS", "OS"]
    assert [(arm.id, arm.label) for arm in study.arm] == [("DEB", "DEB-TACE"), ("CTACE", "cTACE")]
    assert "shows that the methods are reproduced and not that the finding is" in (study.study.synthetic_note or "")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["cohort.csv", "excluded.csv", "published.json", "expected.json"])
def test_the_tables_are_the_plans(name: str) -> None:
    shared = STUDY.parents[2] / "shared" / "li2023" / name
    if not shared.is_file():
        pytest.skip("the shared folder is not beside the repository")
    assert (STUDY / name).read_bytes() == shared.read_bytes()

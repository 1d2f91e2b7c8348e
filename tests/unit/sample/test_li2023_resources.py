"""The written files as FHIR: valid R4, every reference resolved, tagged, the same bytes each time, in constant memory.

Oracles: fhir.resources (R4B models), the FHIR R4 rule for ids, and the study's own code lists.
"""

from __future__ import annotations

import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from flows.sample import write_sample
from mappings.codelists import normalise_system, parse_concept_map, parse_value_set

STUDY = Path(__file__).resolve().parents[3] / "studies" / "li2023"
INVENTED = "https://bedside.example/fhir/CodeSystem/li2023-invented"
ORIGIN = "https://bedside.example/fhir/CodeSystem/sample-origin"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write_sample("li2023", folder)
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    write_sample("li2023", folder, patients=300, seed=7)
    return folder


def lines(folder: Path) -> dict[str, list[bytes]]:
    return {path.stem: path.read_bytes().splitlines() for path in sorted(folder.glob("*.ndjson"))}


def resources(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for found in lines(folder).values() for line in found]


def walk(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def test_every_resource_is_valid_for_fhir_resources(small: Path, large: Path) -> None:
    for kind, found in lines(small).items():
        model = get_fhir_model_class(kind)
        for line in found:
            model.model_validate_json(line)
    for kind, found in lines(large).items():
        model = get_fhir_model_class(kind)
        for line in found[:: max(1, len(found) // 400)]:
            model.model_validate_json(line)


@pytest.mark.parametrize("which", ["small", "large"])
def test_ids_are_unique_and_every_reference_resolves(which: str, request: pytest.FixtureRequest) -> None:
    found = resources(request.getfixturevalue(which))
    addresses = {f"{r['resourceType']}/{r['id']}" for r in found}
    assert len(addresses) == len(found)
    for resource in found:
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", resource["id"])
        assert not resource["id"].isdigit(), "a real server refuses an id of digits only"
        for part in walk(resource):
            if "reference" in part:
                assert part["reference"] in addresses
            assert None not in part.values()
            assert "" not in part.values()
            assert [] not in part.values()


def test_patient_ids_are_the_tables_ids(small: Path) -> None:
    wanted = [f"P{n:02d}" for n in range(1, 23)] + [f"X{n:02d}" for n in range(1, 8)]
    assert [json.loads(line)["id"] for line in lines(small)["Patient"]] == wanted


def test_every_resource_says_that_it_is_synthetic(small: Path, large: Path) -> None:
    for resource in [*resources(small), *resources(large)]:
        (tag,) = resource["meta"]["tag"]
        assert tag["system"] == ORIGIN
        assert tag["code"] in ("rebuilt", "invented")
        assert tag["display"].startswith("Synthetic")
        assert "HTEST" not in json.dumps(resource)
    assert all(r["meta"]["tag"][0]["code"] == "invented" for r in resources(large))


def test_invented_codes_say_so(small: Path) -> None:
    codings = [part for r in resources(small) for part in walk(r) if part.get("system") == INVENTED]
    assert {c["code"] for c in codings} >= {"liver-invasion", "lesion-distribution", "lesion-identity"}
    assert all("invented code" in c["display"] for c in codings)


def test_decimals_keep_their_digits(small: Path) -> None:
    text = b"\n".join(lines(small)["Observation"])
    assert b'"value":3.10,' in text
    assert b'"value":85,"unit":"mm"' in text, "P02: 8.5 cm in millimetres"
    assert b'"value":5.0,"unit":"cm"' in text or b'"value":9.0,"unit":"cm"' in text


def test_same_bytes_every_time_and_the_seed_matters_only_for_larger_cohorts(small: Path, tmp_path: Path) -> None:
    again, other, first, second = (tmp_path / name for name in ("again", "other", "first", "second"))
    write_sample("li2023", again)
    write_sample("li2023", other, seed=99)
    assert lines(again) == lines(other) == lines(small)
    write_sample("li2023", first, patients=20, seed=1)
    write_sample("li2023", second, patients=20, seed=2)
    assert lines(first) != lines(second)


def test_a_larger_cohort_begins_with_the_smaller_one(large: Path, tmp_path: Path) -> None:
    write_sample("li2023", tmp_path, patients=10, seed=7)
    for kind, found in lines(tmp_path).items():
        assert lines(large)[kind][: len(found)] == found


def test_counts_and_progress_are_what_was_written(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    counts = write_sample("li2023", tmp_path, patients=501, seed=3, progress=lambda *call: seen.append(call))
    assert counts == {kind: len(found) for kind, found in lines(tmp_path).items()}
    assert counts["Patient"] == 501
    assert seen == [("patients", 500, 501), ("patients", 501, 501)]
    assert not list(tmp_path.glob(".*.part"))


def test_an_earlier_sample_leaves_nothing_behind(tmp_path: Path) -> None:
    write_sample("li2023", tmp_path)
    counts = write_sample("li2023", tmp_path, patients=1, seed=1)
    assert set(lines(tmp_path)) == set(counts)


def test_memory_does_not_grow_with_the_number_of_patients(tmp_path: Path) -> None:
    def peak(patients: int) -> int:
        tracemalloc.start()
        write_sample("li2023", tmp_path, patients=patients, seed=1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(5)  # the modules are loaded
    assert peak(400) < peak(40) * 1.3


def test_larger_cohorts_hold_the_hard_shapes(large: Path) -> None:
    found = resources(large)
    sessions = [r for r in found if r["resourceType"] == "Procedure" and r["id"].split("-")[1] == "tace"]
    used = [{u["reference"].split("/")[0] for u in p.get("usedReference", [])} for p in sessions]
    assert {"Device", "Substance"} in used, "materials of both arms in one session"
    assert set() in used, "a session without a material"
    assert any(r["resourceType"] == "Device" and "coding" not in r["type"] for r in found), "beads as text only"
    assert any(c.get("system", "").endswith("local-answers") for r in found for c in walk(r)), "a local code"
    assert len(sessions) > 300


def test_lists_and_maps_are_valid_fhir_with_title_status_and_purpose() -> None:
    for path in sorted((STUDY / "codes").glob("*.json")):
        resource = json.loads(path.read_text(encoding="utf-8"))
        made = parse_value_set(path.stem, resource)
        assert made.entries or made.patterns or made.words
        assert resource["status"] == "active"
        assert resource["experimental"] is True
        assert resource["title"]
        assert resource["purpose"]
        get_fhir_model_class("ValueSet").model_validate(resource)
    for path in sorted((STUDY / "maps").glob("*.json")):
        resource = json.loads(path.read_text(encoding="utf-8"))
        assert parse_concept_map(path.stem, resource).rows
        get_fhir_model_class("ConceptMap").model_validate(resource)


def marked() -> set[tuple[str | None, str]]:
    found = set()
    for path in (STUDY / "codes").glob("*.json"):
        for include in json.loads(path.read_text(encoding="utf-8"))["compose"]["include"]:
            for concept in include.get("concept", []):
                if "extension" in concept:
                    found.add((normalise_system(include["system"]), concept["code"]))
    return found


def test_what_a_list_marks_as_used_occurs_in_the_sample_and_nothing_else(small: Path) -> None:
    occurring = {(c["system"], c["code"]) for r in resources(small) for c in walk(r) if "system" in c and "code" in c}
    occurring = {(normalise_system(system), code) for system, code in occurring}
    listed = {
        (entry.system, entry.code)
        for path in (STUDY / "codes").glob("*.json")
        for entry in parse_value_set(path.stem, json.loads(path.read_text(encoding="utf-8"))).entries
    }
    assert occurring & listed == marked()
    assert len(marked()) > 20

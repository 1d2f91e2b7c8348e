"""The comparison as FHIR. Oracles: the results table row by row; fhir.resources' R4B models; FHIR R4's rules for ids
and codes; docs/exports.md."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pandas as pd
import pytest

from analysis.stats.disclosure import suppress
from analysis.stats.masking import masked
from tests.fixtures.exported import comparison_as_fhir
from tests.fixtures.sample_frames import sample_results, sample_study

STUDY = sample_study()
ARMS = ("DEB-TACE", "cTACE")
POPULATIONS = {
    "initial-population": "screened", "denominator-exclusion": "excluded", "denominator": "analysed",
}  # fmt: skip


def of_type(made: list[dict[str, Any]], type_: str) -> list[dict[str, Any]]:
    return [one for one in made if one["resourceType"] == type_]


def read_back(made: list[dict[str, Any]]) -> dict[str, float | str]:
    """Every result that the resources hold, by the parts of its id: a value, or why it is absent."""
    found: dict[str, float | str] = {}
    names = {f"Group/{one['id']}": one["name"].split(": ")[1] for one in of_type(made, "Group")}
    for one in of_type(made, "Observation"):
        focus = [names[to["reference"]] for to in one.get("focus", [])]
        group = names[one["subject"]["reference"]]
        shown = " vs ".join(focus) if focus else group.replace("all analysed subjects", "total")
        stem = one["code"]["coding"][0]["code"]
        for component in one["component"]:
            if "valueInteger" not in component:
                statistic = component["code"]["coding"][0]["code"]
                result = f"{stem}|{shown}|{statistic}|{one.get('method', {}).get('text', '')}"
                assert result not in found
                found[result] = _value(component.get("valueQuantity"), component.get("dataAbsentReason"))
    (report,) = of_type(made, "MeasureReport")
    for group in report["group"]:
        code = group["code"]["coding"][0]["code"]
        strata = group.get("stratifier", [{"stratum": []}])[0]["stratum"]
        for label, part in [("total", group), *((s["value"]["text"], s) for s in strata)]:
            for population in part.get("population", []):
                where = population["code"]["coding"][0]["code"]
                name = POPULATIONS.get(where, where) if code == "flow" else where
                if code != "flow" and where == "denominator":
                    continue
                result = {
                    "numerator": f"{code}.events|{label}|n|" if code in ("PFS", "OS") else f"{code}|{label}|count|",
                }.get(name, f"{code}.{name}|{label}|n|")
                assert result not in found
                found[result] = _value({"value": population.get("count")}, population.get("_count"))
            if "measureScore" in part:
                score = part["measureScore"]
                found[f"{code}|{label}|percent|"] = _value(score, None if "value" in score else score)
    return found


def _value(quantity: dict[str, Any] | None, absent: dict[str, Any] | None) -> float | str:
    if absent is None:
        assert quantity is not None
        return float(quantity["value"])
    return str(absent["coding"][0]["code"] if "coding" in absent else absent["extension"][0]["valueCode"])


def expected(results: pd.DataFrame) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for row in results.to_dict("records"):
        stem = ".".join(part for part in (row["parameter"], row["variable"], row["level"]) if part)
        absent = "masked" if row["warning"].startswith("suppressed") else "not-applicable"
        found[f"{stem}|{row['group']}|{row['statistic']}|{row['method']}"] = (
            float(row["value"]) if row["value"] == row["value"] else absent
        )
    return found


@pytest.mark.parametrize("min_count", [0, 5])
def test_every_result_is_in_the_resources_once_with_its_value(min_count: int) -> None:
    results = suppress(sample_results(), min_count)
    assert read_back(comparison_as_fhir(results)) == expected(results)


@pytest.mark.parametrize(("min_count", "state"), [(0, "DRAFT"), (5, "SIGNED"), (0, "MASKED")])
def test_every_resource_is_valid_r4b(min_count: int, state: str) -> None:
    from fhir.resources.R4B import get_fhir_model_class

    results = suppress(sample_results(), min_count)
    made = comparison_as_fhir(masked(results) if state == "MASKED" else results, state)
    for one in made:
        get_fhir_model_class(one["resourceType"]).model_validate(one)
    kinds = Counter(one["resourceType"] for one in made)
    assert kinds["MeasureReport"] == kinds["Measure"] == kinds["Provenance"] == 1
    assert kinds["Group"] == (1 if state == "MASKED" else 3)


def test_references_lead_to_what_came_before_and_the_provenance_covers_all() -> None:
    made = comparison_as_fhir(sample_results())
    seen: set[str] = set()
    for one in made:
        for reference in re.findall(r'"reference": "([^"]+)"', json.dumps(one)):
            assert reference in seen, one["resourceType"]
        seen.add(f"{one['resourceType']}/{one['id']}")
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", one["id"])
    assert len(seen) == len(made)
    (provenance,) = of_type(made, "Provenance")
    assert {to["reference"] for to in provenance["target"]} == seen - {f"Provenance/{provenance['id']}"}
    hashes = {(e["what"]["display"], e["what"]["identifier"]["value"]) for e in provenance["entity"]}
    assert hashes == {("study", "ab"), ("data of here", "cd")}


def test_codes_are_codes() -> None:
    for code in re.findall(r'"code": "([^"]*)"', json.dumps(comparison_as_fhir(sample_results()))):
        assert re.fullmatch(r"[^\s]+(\s[^\s]+)*", code)


def test_ids_do_not_depend_on_the_values_or_on_the_state() -> None:
    results = sample_results()
    ids = [one["id"] for one in comparison_as_fhir(results)]
    assert [one["id"] for one in comparison_as_fhir(results.assign(value=results["value"] + 1), "SIGNED")] == ids


def test_small_counts_stay_out() -> None:
    """The smallest count that is shown, wherever it stands, is 0 or at least 5."""
    text = json.dumps(comparison_as_fhir(suppress(sample_results(), 5)))
    counts = [int(n) for n in re.findall(r'"(?:count|valueInteger|quantity)": (\d+)', text)]
    assert len(counts) > 20
    assert [n for n in counts if 1 <= n < 5] == []
    whole = [
        int(n)
        for n in re.findall(
            r'"(?:count|valueInteger|quantity)": (\d+)', json.dumps(comparison_as_fhir(sample_results()))
        )
    ]
    assert [n for n in whole if 1 <= n < 5], "without suppression there are some"


def test_masked_names_no_arm() -> None:
    made = comparison_as_fhir(masked(sample_results()), "MASKED")
    text = json.dumps([one for one in made if one["resourceType"] != "Measure"])
    study_title = json.dumps(STUDY.study.title)[1:-1]
    assert not any(arm in text.replace(study_title, "") for arm in ARMS)
    assert {one["status"] for one in of_type(made, "MeasureReport")} == {"pending"}


@pytest.mark.parametrize(("state", "report", "observation"), [
    ("DRAFT", "pending", "preliminary"), ("SIGNED", "complete", "final"), ("MASKED", "pending", "preliminary"),
])  # fmt: skip
def test_the_state_is_said(state: str, report: str, observation: str) -> None:
    made = comparison_as_fhir(sample_results(), state)
    assert {one["status"] for one in of_type(made, "MeasureReport")} == {report}
    assert {one["status"] for one in of_type(made, "Observation")} == {observation}
    for one in made:
        assert [tag["code"] for tag in one["meta"]["tag"]] == [state, "HTEST"]

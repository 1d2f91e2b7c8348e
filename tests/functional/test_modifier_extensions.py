"""A modifierExtension in accepted data is kept, counted in run.json and said. Oracle: what this test writes."""

from __future__ import annotations

from pathlib import Path

from flows.steps.tables import modifier_lines
from tests.functional.conftest import Resource, edited_copy, only_run, run_study

NOT = "http://example.org/fhir/StructureDefinition/not-done"


def marked(resources: list[Resource]) -> list[Resource]:
    mark = {"modifierExtension": [{"url": NOT, "valueBoolean": True}]}
    first, second, *rest = resources
    return [first | mark, second | mark, *rest]


def test_a_run_counts_and_says_its_modifier_extensions(sample: Path, tmp_path: Path) -> None:
    data = edited_copy(sample, tmp_path / "data", {"Patient": marked})
    said = run_study(tmp_path / "runs", "--source", data)
    assert said.code == 0, said.err
    run = only_run(tmp_path / "runs").read()
    (found,) = run["modifier_extensions"]
    assert found == {"view": "patient", "site": found["site"], "path": "Patient", "url": NOT, "n": 2}
    (line,) = modifier_lines(run)
    assert line.startswith(f"WARNING: Patient has the modifierExtension {NOT} in 2 resources")


def test_views_of_one_type_are_said_once_and_sites_add_up() -> None:
    def record(view: str, site: str, n: int) -> dict[str, object]:
        return {"view": view, "site": site, "path": "Observation", "url": NOT, "n": n}

    said = {"modifier_extensions": [record("observation", "a", 1200), record("observation_value", "a", 7)]}
    said["modifier_extensions"].append(record("observation", "b", 34))
    assert [line.split("in ")[1].split(";")[0] for line in modifier_lines(said)] == ["1,234 resources"]
    assert modifier_lines({}) == []

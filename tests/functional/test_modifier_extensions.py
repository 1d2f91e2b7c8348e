"""A modifierExtension in accepted data is kept, counted in run.json and said: at the end of the run and on the page.
Oracle: what this test writes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from flows.run_folder import RunFolder
from flows.steps.page import modifier_extensions
from flows.steps.tables import modifier_lines
from tests.fixtures.page_reader import PageReader
from tests.functional.conftest import STUDY, Resource, edited_copy, only_run, run_study

NOT = "http://example.org/fhir/StructureDefinition/not-done"
ODD = "http://example.org/look?who=Jane"


def marked(n: int, url: str = NOT) -> Callable[[list[Resource]], list[Resource]]:
    """The first ``n`` resources with a modifierExtension each."""
    mark = {"modifierExtension": [{"url": url, "valueBoolean": True}]}
    return lambda resources: [one | mark for one in resources[:n]] + resources[n:]


def on_the_page(report: Path) -> list[list[str]]:
    """Element, address, resources and sites of each mark that the page names."""
    read = PageReader(report.read_text(encoding="utf-8"))
    rows = {id(e.ancestors()[0]): e.ancestors()[0] for e in read.all("td") if e.attributes.get("class") == "address"}
    return [[e.text for e in read.elements if e.tag in ("th", "td") and e.parent is row] for row in rows.values()]


def test_a_run_counts_and_says_its_modifier_extensions(sample: Path, tmp_path: Path) -> None:
    data = edited_copy(sample, tmp_path / "data", {"Patient": marked(2)})
    said = run_study(tmp_path / "runs", "--source", data)
    assert said.code == 0, said.err
    ran = only_run(tmp_path / "runs")
    run = ran.read()
    (found,) = run["modifier_extensions"]
    assert found == {"view": "patient", "site": found["site"], "path": "Patient", "url": NOT, "n": 2}
    (line,) = modifier_lines(run)
    assert line.startswith(f"WARNING: Patient has the modifierExtension {NOT} in 2 resources")
    ((element, address, n, sites),) = on_the_page(ran.report)
    assert (element, address, n) == ("Patientthe resource as a whole", NOT, "2")
    assert re.fullmatch(r"1 of 1: \S.*", sites)


def test_a_run_without_any_says_nothing_of_them(finished_run: RunFolder) -> None:
    assert finished_run.read()["modifier_extensions"] == []
    assert "modifier" not in finished_run.report.read_text(encoding="utf-8").casefold()


def test_the_page_adds_sites_up_and_keeps_small_counts_to_itself(sample: Path, tmp_path: Path) -> None:
    """Two sites, and a study that shows no count below five; an address that is none is not shown."""
    study = tmp_path / "study"
    shutil.copytree(STUDY, study)
    file = study / "study.toml"
    text = file.read_text(encoding="utf-8")
    assert text.count("min_count = 0") == 1
    file.write_text(text.replace("min_count = 0", "min_count = 5"), encoding="utf-8")
    edits = {
        "north": {"Patient": marked(2), "Observation": marked(4)},
        "south": {"Patient": marked(5), "Condition": marked(6, ODD)},
    }
    sites = tmp_path / "sites.toml"
    sites.write_text(
        "".join(
            f'[[site]]\nid = "{site}"\nname = "{site.title()} hospital"\ntimezone = "Asia/Shanghai"\n'
            f"folder = {json.dumps(str(edited_copy(sample, tmp_path / site, made)))}\n"
            for site, made in edits.items()
        )
    )
    said = run_study(tmp_path / "runs", "--sites", sites, study=study)
    assert said.code == 0, said.err
    ran = only_run(tmp_path / "runs")
    assert on_the_page(ran.report) == [
        [
            "Conditionthe resource as a whole",
            "not a plain web address or URN, so not shown",
            "6",
            "1 of 2: South hospital",
        ],
        ["Observationthe resource as a whole", NOT, "fewer than 5", "1 of 2: North hospital"],
        ["Patientthe resource as a whole", NOT, "7", "2 of 2: North hospital, South hospital"],
    ]
    assert "Jane" not in ran.report.read_text(encoding="utf-8")


def test_views_of_one_type_are_said_once_and_sites_add_up() -> None:
    def record(view: str, site: str, n: int) -> dict[str, object]:
        return {"view": view, "site": site, "path": "Observation", "url": NOT, "n": n}

    said = {"modifier_extensions": [record("observation", "a", 1200), record("observation_value", "a", 7)]}
    said["modifier_extensions"].append(record("observation", "b", 34))
    assert [line.split("in ")[1].split(";")[0] for line in modifier_lines(said)] == ["1,234 resources"]
    assert modifier_lines({}) == []
    (record_of_page,) = modifier_extensions(said, {"b": "Bee", "c": "Sea", "a": "Ay"})
    assert record_of_page == {"path": "Observation", "url": NOT, "n": 1234, "sites": ["Bee", "Ay"]}
    assert modifier_extensions({}, {}) == []

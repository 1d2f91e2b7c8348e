"""Script tags in every text field of a resource that people read, from the source to the pages, in headless Chromium.

Oracle: the browser. What would run says so in ``window.harmed``; a picture that is not there would be asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from flows.sample import write_sample
from tests.fixtures.chromium import opened
from tests.fixtures.sample_runs import Ran, ran
from tests.fixtures.text_fields import READ_BY_PEOPLE, put, texts
from tests.functional.conftest import STUDY, command

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("script-tags"), pytest.mark.timeout(600)]

TAGS = '<script>window.harmed = true</script><img src=x onerror="window.harmed = true">'
PAGES = ("report/index.html", "report/on-site.html", "dashboard.html")
NOTED = ("Observation", "Procedure", "Condition", "MedicationAdministration")
PATIENTS = 12
"""With an observation whose code itself is tags: enough for a page that names no code of fewer than five."""


def spoilt(resources: list[dict[str, Any]], type_: str) -> Iterator[dict[str, Any]]:
    """The resources with tags in all texts that people read, those that the sample leaves out too."""
    for resource in resources:
        if type_ == "Patient":
            resource |= {"name": [{"family": TAGS, "given": [TAGS]}], "address": [{"line": [TAGS], "city": TAGS}]}
        if type_ in NOTED:
            resource["note"] = [{"text": TAGS}]
        resource["text"] = {"status": "generated", "div": TAGS}
        for place in list(texts(resource)):
            if READ_BY_PEOPLE & set(place[-2:]):
                put(resource, place, TAGS)
        resource["text"]["status"] = "generated"
        yield resource
    if type_ == "Observation":
        of_patient = {resource["subject"]["reference"]: resource for resource in resources}
        for n, resource in enumerate(list(of_patient.values())[:PATIENTS]):
            coding = [{"system": "http://hospital.example/local", "code": TAGS, "display": TAGS}]
            yield {**resource, "id": f"{resource['id']}-t{n}", "code": {"coding": coding, "text": TAGS}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run of the sample full of tags, with its dashboard."""
    folder = tmp_path_factory.mktemp("tags")
    write_sample("li2023", folder / "data")
    for file in sorted((folder / "data").glob("*.ndjson")):
        resources = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        lines = [json.dumps(resource) for resource in spoilt(resources, file.stem)]
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    found = ran(folder / "runs", "--source", folder / "data")
    assert found.said.code == 0, found.said.err
    board = command("dashboard", STUDY, "--runs", folder / "runs")
    assert board.code == 0, board.err
    return found


def page_of(run: Ran, name: str) -> Path:
    return (run.run.root.parent if name == "dashboard.html" else run.run.root) / name


def test_the_tags_came_as_far_as_the_tables(run: Ran) -> None:
    """Else the pages below would prove nothing."""
    held = [file.stem for file in sorted(run.run.tables.glob("*.parquet")) if TAGS in pd.read_parquet(file).to_string()]
    assert {"observation", "procedure", "condition"} <= set(held)
    assert "&lt;script&gt;window.harmed" in page_of(run, "dashboard.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_tags_in_records_do_nothing_on_a_page(browser: Browser, run: Ran, name: str) -> None:
    file = page_of(run, name)
    page, messages, requests = opened(browser, file)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("typeof window.harmed") == "undefined"
    assert messages == []
    assert requests == [file.as_uri()]
    scripts: list[str] = page.evaluate("[...document.scripts].map(one => one.textContent)")
    assert len(scripts) == (1 if name == "dashboard.html" else 0)
    assert not any("harmed" in text for text in scripts)
    assert page.evaluate("document.querySelectorAll('img, [onerror]').length") == 0
    page.close()

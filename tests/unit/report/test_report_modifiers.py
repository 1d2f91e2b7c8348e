"""modifierExtensions on the page. Oracle: the records handed in, and clarifications C-60 and C-61: someone must look at
each address, so the page names it; it is text that anyone may have written, so it stays text."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.report.page import render
from analysis.study.model import Study
from mappings.modifiers import OTHERS, UNREADABLE
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study

NOT_DONE = "https://hospital.example/fhir/StructureDefinition/not-done"
HEADS = ["Element", "Address of the mark", "Resources", "Sites with it"]
SCRIPT = '<script>alert(1)</script><a href="https://elsewhere.example">look</a>&amp;'
STUDY = made_study()
LEAST = STUDY.disclosure.min_count


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return made_results(STUDY)


def record(path: str = "Patient", url: str = NOT_DONE, n: int = 12, sites: tuple[str, ...] = ("alpha",)) -> Any:
    return {"path": path, "url": url, "n": n, "sites": list(sites)}


def page(results: pd.DataFrame, *records: Any, study: Study = STUDY, **changes: Any) -> PageReader:
    return PageReader(render(study, results, quality(), provenance(modifier_extensions=records, **changes), None))


def lines(read: PageReader) -> list[list[str]]:
    """The cells of the table under the heading, row by row, the small print apart from the element by a bar."""
    (table,) = [t for t in read.all("table") if [e.text for e in inside(read, t, "th")][: len(HEADS)] == HEADS]
    assert table.ancestors()[1].attributes["id"] == "limits"
    return [[cell.text for cell in inside(read, row, "th", "td")] for row in inside(read, table, "tr")][1:]


def inside(read: PageReader, element: Element, *tags: str) -> list[Element]:
    return [e for e in read.elements if e.tag in tags and element in e.ancestors()]


def care(read: PageReader) -> list[Element]:
    (box,) = [e for e in read.all("section") if e.attributes.get("class") == "care"]
    return inside(read, box, "li")


def test_none_at_all_says_nothing(results: pd.DataFrame) -> None:
    empty = render(STUDY, results, quality(), provenance(modifier_extensions=[]), None)
    assert empty == render(STUDY, results, quality(), provenance(), None)
    text = PageReader(empty).all("body")[0].text.casefold()
    assert "modifier" not in text
    assert "marks that no table reads" not in text


def test_each_names_element_address_resources_and_sites(results: pd.DataFrame) -> None:
    read = page(
        results,
        record("Observation.component", "urn:oid:1.2.3", 1234, ("alpha", "beta")),
        record("Patient", NOT_DONE, 12, ("beta",)),
        sites={"done": 2, "total": 3, "names": ["alpha", "beta"]},
    )
    assert lines(read) == [
        ["Observation.componenta part of the resource", "urn:oid:1.2.3", "1 234", "2 of 2: alpha, beta"],
        ["Patientthe resource as a whole", NOT_DONE, "12", "1 of 2: beta"],
    ]
    assert "up to its opposite" in read.by_id("limits").text
    assert "used as if the mark were not there" in read.by_id("limits").text


def test_the_first_screen_leads_to_it(results: pd.DataFrame) -> None:
    read = page(results, record("Observation.component"), record("Patient", "urn:oid:1.2"), record("Patient"))
    (told,) = [e for e in care(read) if "odifier extension" in e.text]
    assert "Modifier extensions in Observation.component and Patient are read by no table" in told.text
    (link,) = inside(read, told, "a")
    assert link.attributes["href"] == "#modifiers"
    assert read.by_id("modifiers").tag == "h3"


def test_of_many_elements_the_first_screen_names_three(results: pd.DataFrame) -> None:
    paths = ["Condition", "Encounter", "Observation", "Patient", "Procedure"]
    read = page(results, *map(record, paths))
    (told,) = [e.text for e in care(read) if "odifier extension" in e.text]
    assert "in Condition, Encounter, Observation and 2 more are" in told
    assert len(lines(read)) == len(paths)


def test_the_first_screen_keeps_to_six_sentences_and_only_missing_data_goes_before() -> None:
    missing = [{"site": "beta", "what": "page 3 of search 7"}]
    read = page(sample_results(), record(), study=sample_study(), missing=missing)
    told = [e.text for e in care(read)]
    assert len(told) == 6
    assert "incomplete" in told[0]
    assert "Modifier extensions in Patient" in told[1]


@pytest.mark.parametrize(("n", "shown"), [(1, None), (LEAST - 1, None), (LEAST, LEAST), (0, 0)])
def test_small_counts_are_not_given_away(results: pd.DataFrame, n: int, shown: int | None) -> None:
    """As other counts of the data on the page: 1 to min_count - 1 are not said."""
    assert LEAST == 5
    (line,) = lines(page(results, record(n=n)))
    assert line[2] == (f"fewer than {LEAST}" if shown is None else str(shown))


def test_a_study_without_a_threshold_shows_every_count() -> None:
    study = sample_study()
    assert study.disclosure.min_count == 0
    (line,) = lines(page(sample_results(), record(n=1), study=study))
    assert line[2] == "1"


def test_what_stands_for_an_address_is_said_in_words(results: pd.DataFrame) -> None:
    read = page(results, record("Patient.contact", UNREADABLE, 7), record("Patient", OTHERS, 31))
    assert [line[:2] for line in lines(read)] == [
        ["Patient.contacta part of the resource", "not a plain web address or URN, so not shown"],
        ["Patientanywhere in the resource", "further addresses, beyond the 20 most frequent"],
    ]


def test_an_address_is_text_and_no_link(results: pd.DataFrame) -> None:
    read = page(results, record())
    assert {link.attributes["href"][:1] for link in read.all("a")} == {"#"}
    assert [e.text for e in read.all("code") if NOT_DONE in e.text] == [NOT_DONE]


@pytest.mark.parametrize("place", ["path", "url", "sites"])
def test_markup_in_the_data_stays_text(results: pd.DataFrame, place: str) -> None:
    read = page(results, record() | {place: [SCRIPT] if place == "sites" else SCRIPT})
    assert read.all("script") == []
    assert {link.attributes["href"][:1] for link in read.all("a")} == {"#"}
    assert any(SCRIPT in cell for cell in lines(read)[0])


def test_a_locked_study_shows_it_too(results: pd.DataFrame) -> None:
    """It tells nothing of an arm, and whoever locks must know."""
    assert lines(page(results, record(), state="MASKED")) == lines(page(results, record()))


def test_a_count_that_is_missing_is_not_zero(results: pd.DataFrame) -> None:
    (line,) = lines(page(results, {"path": "Patient", "url": NOT_DONE}, sites=None))
    assert line[2:] == ["not counted", "not named"]

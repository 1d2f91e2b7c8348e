"""The page as a document: safe, still, complete in its parts, and right for states and gaps.

Oracles: the HTML and CSP standards (hash of the style sheet, no outside address), pages' language rules, and the state
words of the issue (MASKED, DRAFT, SIGNED).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from analysis.report.page import figures, render
from analysis.study.model import Study
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import FOLDER, sample_results, sample_study

SCRIPT = '<script>alert(1)</script><img src=x onerror="alert(2)">\u0026amp;'


def _sample(**changes: Any) -> str:
    return render(sample_study(), sample_results(), quality(), provenance(**changes), _expected())


def _expected() -> list[dict[str, Any]]:
    rows = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))["figures"]
    return [{**row, "ours": row["recomputed"], "result": ""} for row in rows]


@pytest.fixture(scope="module")
def sample() -> str:
    return _sample()


@pytest.fixture(scope="module")
def page(sample: str) -> PageReader:
    return PageReader(sample)


def test_the_style_sheet_is_let_in_by_its_hash_and_nothing_else(sample: str, page: PageReader) -> None:
    policy = next(e for e in page.all("meta") if "http-equiv" in e.attributes).attributes["content"]
    style = re.search(r"<style>(.*?)</style>", sample, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:")
    assert page.all("script") == []
    assert page.with_attribute("style") == []
    assert [e.tag for e in page.elements if any(name.startswith("on") for name in e.attributes)] == []


def test_no_address_but_the_name_of_svg(sample: str) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[^\s\"'<)]+", re.sub(r"<style>.*?</style>", "", sample, flags=re.S)))
    assert addresses == {"http://www.w3.org/2000/svg"}
    style = re.search(r"<style>(.*?)</style>", sample, re.S)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert _sample() == _sample()


def test_one_h1_unique_ids_and_links_that_lead_somewhere(page: PageReader) -> None:
    ids = [e.attributes["id"] for e in page.with_attribute("id")]
    assert len(ids) == len(set(ids))
    assert len(page.all("h1")) == 1
    assert page.all("html")[0].attributes["lang"] == "en"
    for link in page.all("a"):
        assert link.attributes["href"].removeprefix("#") in ids
    for element in page.with_attribute("aria-labelledby"):
        assert set(element.attributes["aria-labelledby"].split()) <= set(ids)


def test_each_figure_has_title_and_description_and_a_table_in_its_section(page: PageReader) -> None:
    drawn = [e for e in page.all("svg") if "figure" in e.attributes.get("class", "")]
    assert len(drawn) >= 13
    for figure in drawn:
        key = figure.attributes["aria-labelledby"].split()[0].removesuffix("-title")
        assert len(page.by_id(f"{key}-title").text) > 5
        assert len(page.by_id(f"{key}-desc").text) > 20
        section = next(a for a in figure.ancestors() if a.tag == "section")
        assert any(section in t.ancestors() for t in page.all("table"))


def test_header_cells_say_what_they_head(page: PageReader) -> None:
    assert [
        e.text for e in page.all("th") if e.attributes.get("scope") not in ("col", "row", "colgroup", "rowgroup")
    ] == []


@pytest.mark.parametrize("word", ["superior", "effective", "proves", "predicts", "significant", "***"])
def test_words_that_claim_too_much_are_not_used(page: PageReader, word: str) -> None:
    assert word not in page.all("body")[0].text.casefold()


@pytest.mark.parametrize(
    ("state", "meaning"),
    [("DRAFT", "nothing is signed yet"), ("SIGNED", "signed"), ("MASKED", "the study is locked")],
)
def test_the_state_stands_on_top_and_on_every_sheet(state: str, meaning: str) -> None:
    read = PageReader(_sample(state=state))
    header = read.all("header")[0].text
    assert state in header
    assert meaning in header
    running = next(e for e in read.elements if e.attributes.get("class") == "running")
    assert state in running.text
    assert "SYNTHETIC" in running.text
    assert sample_study().study.synthetic_note in running.text


def test_a_study_on_real_data_is_not_called_synthetic() -> None:
    said = sample_study().model_dump(by_alias=True)
    said["study"]["data"] = "real"
    real = Study.model_validate(said)
    read = PageReader(render(real, sample_results(), quality(), provenance(), None))
    assert "SYNTHETIC" not in read.all("body")[0].text


def test_a_masked_page_tells_nothing_of_an_arm() -> None:
    results = sample_results()
    read = PageReader(_sample(state="MASKED"))
    groups = results.set_index("id")["group"]
    shown = {groups[e.attributes["data-result"]] for e in read.with_attribute("data-result")}
    assert shown == {"total"}
    ids = {e.attributes["id"] for e in read.with_attribute("id")}
    assert ids.isdisjoint({"baseline", "response", "survival", "models", "sensitivity", "published"})
    assert {"flow", "quality", "methods", "provenance"} <= ids


def test_not_estimable_says_why_and_suppressed_says_so() -> None:
    results = sample_results()
    hidden = results["id"].str.fullmatch(r"OS\.events\.\.DEB-TACE\.n\.")
    results.loc[hidden, "value"] = float("nan")
    results.loc[hidden, "warning"] = "suppressed"
    read = PageReader(render(sample_study(), results, quality(), provenance(), None))
    shown = {
        e.text for e in read.with_attribute("data-result") if e.attributes["data-result"].startswith("OS.events..DEB")
    }
    assert shown == {"suppressed"}
    section = read.by_id("survival")
    assert "NE, not estimable: the upper limit of the curve does not reach 0.5" in section.text


@pytest.mark.parametrize("arms", [2, 3, 4, 8])
def test_any_number_of_arms_has_its_own_look(arms: int) -> None:
    study = made_study(arms=arms)
    drawn = figures(study, made_results(study, subjects=8))
    curve = ElementTree.fromstring(drawn["km-os-wide"])
    name = "{http://www.w3.org/2000/svg}"
    lines = [p for p in curve.iter(f"{name}path") if p.get("stroke-width") == "2"]
    looks = {(p.get("stroke"), p.get("stroke-dasharray")) for p in lines}
    assert len({colour for colour, _ in looks}) == arms
    assert len({dash for _, dash in looks}) == arms
    labels = [t.text for t in curve.iter(f"{name}text") if "name" in (t.get("class") or "")]
    assert sorted(labels) == [arm.label for arm in study.arm]


def test_figures_stand_alone() -> None:
    drawn = figures(sample_study(), sample_results())
    assert {
        "flow",
        "balance",
        "best",
        "rates",
        "differences",
        "km-pfs-wide",
        "km-os-wide",
        "forest-pfs-univariate",
    } <= set(drawn)
    for text in drawn.values():
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "style=" not in text
        for shape in root.iter():
            if shape.tag.endswith("}text"):
                assert shape.get("fill"), "a text without a colour of its own is black on any ground"


def test_numbers_at_risk_stand_under_their_ticks() -> None:
    """Oracle: KMunicate's rule; each number's x is the x of one axis label, in every row."""
    name = "{http://www.w3.org/2000/svg}"
    drawn = figures(sample_study(), sample_results())
    root = ElementTree.fromstring(drawn["km-pfs-wide"])
    middle = [t for t in root.iter(f"{name}text") if t.get("text-anchor") == "middle"]
    axis = [t for t in middle if re.fullmatch(r"\d+", t.text or "")]
    ticks = {float(t.text or ""): t.get("x") for t in axis}
    numbers = [t for t in middle if t.find(f"{name}tspan") is not None]
    assert len(numbers) == 2 * 3 * len(ticks)
    for number in numbers:
        span = number.find(f"{name}tspan")
        assert span is not None
        level = (span.get("data-result") or "").removeprefix("PFS.risk_table.").partition(".")[0]
        assert number.get("x") == ticks[float(level)]


def test_the_curve_is_drawn_where_the_results_say() -> None:
    """Oracle: the results rows; the path's corners, back on the scale of the axes, are the survival steps."""
    name = "{http://www.w3.org/2000/svg}"
    results = sample_results()
    root = ElementTree.fromstring(figures(sample_study(), results)["km-os-wide"])
    labels = {
        t.text: float(t.get("y") or 0) - 3.8
        for t in root.iter(f"{name}text")
        if t.text in ("0", "1") and t.get("text-anchor") == "end"
    }
    path = next(p for p in root.iter(f"{name}path") if p.get("stroke-width") == "2")
    drops = [float(y) for y in re.findall(r"V([0-9.]+)", path.get("d") or "")]
    levels = [(labels["0"] - y) / (labels["0"] - labels["1"]) for y in drops]
    rows = results[
        (results["parameter"] == "OS")
        & (results["variable"] == "km")
        & (results["group"] == "DEB-TACE")
        & (results["statistic"] == "survival")
    ]
    steps = rows.assign(time=rows["level"].astype(float)).sort_values("time")["value"].drop_duplicates().tolist()
    expected = [s for s in steps if s < 1][: len(levels)]
    assert levels == pytest.approx(expected, abs=2e-4)
    assert len(levels) >= 3


def test_criteria_that_remove_nobody_are_drawn_with_zero_and_late_ones_are_marked() -> None:
    study = sample_study()
    text = figures(study, sample_results())["flow"]
    root = ElementTree.fromstring(text)
    spans = {s.get("data-result"): s.text for s in root.iter("{http://www.w3.org/2000/svg}tspan")}
    for criterion in study.criterion:
        assert f"flow.{criterion.id}..total.n." in spans
    assert spans["flow.colorectal..total.n."] == "0"
    dashed = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("stroke-dasharray")]
    assert len(dashed) == sum(1 for c in study.criterion if c.after_index) == 2


def test_read_with_care_is_three_to_six_sentences_from_the_data(page: PageReader) -> None:
    care = next(e for e in page.all("section") if e.attributes.get("class") == "care")
    sentences = [e.text for e in page.all("li") if care in e.ancestors()]
    assert 3 <= len(sentences) <= 6
    assert any("not randomised" in s for s in sentences)
    assert any("P 0.047 by Cox with Efron ties but 0.062 by Cox" in s for s in sentences)
    assert any("age (1.05)" in s for s in sentences)
    assert any("12 events for 8 terms" in s for s in sentences)
    bare = made_study(response=False, covariate={}, endpoint=[], analysis={})
    few = PageReader(render(bare, made_results(bare), quality(), provenance(unused=[]), None))
    care = next(e for e in few.all("section") if e.attributes.get("class") == "care")
    found = [e.text for e in few.all("li") if care in e.ancestors()]
    assert 3 <= len(found) <= 6
    assert not any("at random" in s for s in found)  # this study says it is randomised


def test_published_figures_stand_beside_ours(page: PageReader) -> None:
    """Oracle: li2023/README.md: 135 match, 22 residuals, 3 misprints of 160."""
    section = page.by_id("published")
    assert (
        "Of 160 printed figures 135 match, 22 are known residuals, 3 are misprints of the publication." in section.text
    )
    assert "54.4 % for 6 of 11" in section.text
    tables = [t for t in page.all("table") if section in t.ancestors()]
    heads = [e.text for e in page.all("th") if tables[0] in e.ancestors() and e.attributes["scope"] == "col"]
    assert heads == ["Figure", "Printed", "Recomputed", "Ours", "Status"]
    rows = [e for e in page.all("tr") if tables[-1] in e.ancestors()]
    assert len(rows) == 161


def test_quality_is_named_and_small_counts_are_not_given_away() -> None:
    study = made_study()
    read = PageReader(render(study, made_results(study), quality(), provenance(), None))
    line = next(e for e in read.elements if e.attributes.get("class") == "quality-line").text
    said = (
        "2 of 4 checks held, 1 of them with violations under the threshold; 1 failed (unifocal in both lobes); "
        "1 could not be computed; 1 did not apply."
    )
    assert said in line
    assert "fewer than 5" in read.by_id("quality").text  # this study's threshold is the default


@pytest.mark.parametrize("place", ["study", "results", "quality", "provenance", "expected"])
def test_markup_in_any_text_stays_text(place: str) -> None:
    """A script tag in whatever a hospital may write is printed, not run."""
    study, results, checks, origin = made_study(), made_results(made_study()), quality(), provenance()
    expected: list[dict[str, Any]] | None = None
    if place == "study":
        study, results = _hostile()
    elif place == "results":
        results["warning"] = SCRIPT
    elif place == "quality":
        for column in ("check_id", "table", "site", "category", "severity", "action", "status", "reason"):
            checks[column] = SCRIPT
    elif place == "provenance":
        origin = provenance(
            state=SCRIPT, outcome=SCRIPT, versions={SCRIPT: SCRIPT}, hashes={SCRIPT: SCRIPT},
            sites={"done": 1, "total": 1, "names": [SCRIPT]}, missing=[{"site": SCRIPT, "what": SCRIPT}],
            counts=[{"site": SCRIPT, "type": SCRIPT, "step": SCRIPT, "n": 1}],
            unused=[{"step": SCRIPT, "site": SCRIPT, "reason": SCRIPT, "n": 9}],
        )  # fmt: skip
    else:
        expected = [dict.fromkeys(("id", "printed", "recomputed", "ours", "status", "note", "result"), SCRIPT)]
    read = PageReader(render(study, results, checks, origin, expected))
    assert read.all("script") == []
    assert read.all("img") == []
    assert SCRIPT in read.all("body")[0].text


def _hostile() -> tuple[Study, pd.DataFrame]:
    """A study whose every free text is markup."""
    said = made_study().model_dump(by_alias=True)
    for name in ("title", "question", "design", "synthetic_note"):
        said["study"][name] = SCRIPT
    said["study"]["protocol"].update(version=SCRIPT, registration=SCRIPT, ethics=SCRIPT)
    for name in ("uncoded", "assumptions", "remarks"):
        said["study"][name] = [SCRIPT, f"misprint: {SCRIPT}"]
    said["criterion"][0]["text"] = SCRIPT
    said["covariate"]["sex"]["label"] = SCRIPT
    said["covariate"]["sex"]["levels"] = ["female", "male"]
    said["covariate"]["sex"]["level_labels"] = [SCRIPT, "m"]
    said["endpoint"][0]["label"] = SCRIPT
    said["endpoint"][0]["events"][0]["desc"] = SCRIPT
    said["response"]["criteria"] = SCRIPT
    for number, arm in enumerate(said["arm"]):
        arm["label"] = f"{SCRIPT} {number}"
    study = Study.model_validate(said)
    return study, made_results(study)


def test_a_missing_part_is_named() -> None:
    read = PageReader(_sample(outcome="incomplete", missing=[{"site": "beta", "what": "page 3 of search 7"}]))
    assert "page 3 of search 7" in read.by_id("provenance").text
    care = next(e for e in read.all("section") if e.attributes.get("class") == "care")
    assert "incomplete" in care.text


def test_a_published_method_that_gives_the_same_has_no_second_line() -> None:
    said = sample_study().model_dump(by_alias=True)
    said["analysis"]["published"] = None
    alone = PageReader(render(Study.model_validate(said), sample_results(), quality(), provenance(), None))
    assert "as published" not in alone.by_id("question").ancestors()[0].text


@pytest.mark.parametrize(("landmark", "start"), [(0, "index date"), (90, "landmark")])
def test_every_time_of_the_survival_section_starts_where_the_study_says(landmark: int, start: str) -> None:
    study = made_study()
    study = study.model_copy(update={"index": study.index.model_copy(update={"landmark": landmark})})
    page = PageReader(render(study, made_results(study), quality(), provenance(), None))
    section = next(e for e in page.all("section") if e.attributes.get("id") == "survival")
    told = re.findall(r"(Months|in months) since the (landmark|index date)", section.text)
    assert sorted(told) == [("Months", start), ("in months", start)], "the axis of the figure, the caption of the table"

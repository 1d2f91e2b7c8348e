"""The dashboard as a page. Oracle: what the simulator planted, and HTML as the standard library reads it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.dashboard.page import render
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.quality_history import LABELS, NOTHING, NOW, OUTCOMES, history, lines, with_rows


@pytest.fixture(scope="module")
def text() -> str:
    return render(history(), NOW)


@pytest.fixture(scope="module")
def page(text: str) -> PageReader:
    return PageReader(text)


def by_id(page: PageReader, name: str) -> Element:
    (found,) = [element for element in page.elements if element.attributes.get("id") == name]
    return found


def of_class(page: PageReader, name: str) -> list[Element]:
    return [e for e in page.elements if name in e.attributes.get("class", "").split()]


def words(element: Element) -> str:
    """Its text, with a space between its pieces."""
    return " ".join(" ".join(element.parts).replace("\u00a0", " ").split())


def rows(page: PageReader, css: str) -> list[list[str]]:
    """The cells of the body rows of the only table with a class."""
    table = next(e for e in page.all("table") if css in e.attributes.get("class", "").split())
    body = [e for e in page.all("tr") if table in e.ancestors() and any(a.tag == "tbody" for a in e.ancestors())]
    return [[words(e) for e in page.elements if e.tag in ("td", "th") and e.parent is row] for row in body]


def test_style_and_script_are_let_in_by_their_hashes_and_nothing_else(text: str, page: PageReader) -> None:
    policy = next(e for e in page.all("meta") if "http-equiv" in e.attributes).attributes["content"]

    def digest(tag: str) -> str:
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
        return base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()

    style, script = f"style-src 'sha256-{digest('style')}'", f"script-src 'sha256-{digest('script')}'"
    assert policy == f"default-src 'none'; {style}; img-src data:; {script}; base-uri 'none'; form-action 'none'"
    assert page.with_attribute("style") == []
    assert [e.tag for e in page.elements if any(name.startswith("on") for name in e.attributes)] == []
    assert [e.tag for e in page.elements if {"src", "srcset", "data"} & set(e.attributes)] == []


def test_the_script_is_at_most_a_thousand_bytes(text: str) -> None:
    (script,) = re.findall("<script>(.*?)</script>", text, re.S)
    assert 0 < len(script.encode()) <= 1000


def test_the_page_is_built_for_all_readers(page: PageReader) -> None:
    assert [e.attributes["lang"] for e in page.all("html")] == ["en"]
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("footer")) == 1
    assert {e.attributes.get("scope") for e in page.all("th")} == {"col", "row"}
    assert len(page.all("caption")) == len(page.all("table"))
    for figure in page.all("svg"):
        names = figure.attributes["aria-labelledby"].split()
        assert [by_id(page, name).tag for name in names] == ["title", "desc"]
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    targets = {e.attributes["href"][1:] for e in page.all("a")}
    assert targets <= set(ids)
    assert {e.attributes["for"] for e in page.all("label")} == {"fs", "fw", "fc", "find"}


def test_the_first_lines(page: PageReader) -> None:
    assert "Two kinds of chemoembolisation" in page.all("h1")[0].text
    verdict, age = of_class(page, "verdict")[0].text, of_class(page, "age")[0].text
    assert "Can today's data be used? 2 of 3 sites: yes" in verdict
    assert "Run of 27 Nov 02:14, 5 hours ago (page made 27 Nov 2026 07:20 UTC)" in age
    assert by_id(page, "late").attributes.get("hidden") == ""
    assert "SYNTHETIC" in of_class(page, "synthetic")[0].text


def test_real_data_are_not_called_synthetic() -> None:
    made = history(runs=2)
    real = made.runs.assign(synthetic=False)
    unseen = made.runs.iloc[:1].assign(run="without results")
    for runs in (real, pd.concat([real, unseen])):
        assert "SYNTHETIC" not in render(replace(made, runs=runs), NOW)


def test_a_row_a_site_in_the_order_of_the_file(page: PageReader) -> None:
    heads = [e.text for e in page.all("th") if e.attributes["scope"] == "col"][:9]
    assert heads == ["Site", "Gate", "Newest record", "Volume (records)", "30 runs", "Checks that stop",
                     "Lost from Response", "Lost from PFS", "Lost from OS"]  # fmt: skip
    found = rows(page, "sites")
    assert tuple(row[0] for row in found) == LABELS
    assert "not ranked" in page.elements[0].text


def test_each_planted_event_shows_on_the_first_screen(page: PageReader) -> None:
    """A third of the observations missing since 19 November, a unit changed on the 22nd, silence since the 24th."""
    dropped, changed, silent = rows(page, "sites")
    assert re.search("observation: 6[678] % of expected since 19 Nov", dropped[3])
    assert "expected since" not in changed[3]
    problems = rows(page, "problems")
    assert problems[0][0].startswith("unit mix shift")
    assert "St. Mary's" in problems[0][0]
    assert problems[0][2].startswith("22 Nov")
    assert "held" in silent[1]
    assert "22 Nov nothing newer for 4 runs; before, newer ones in every run" in silent[2]
    assert "0 0 % of expected since 24 Nov" in silent[3]
    assert "✗ 1 : records drop over 5 percent" in silent[5]


def test_where_nothing_is_planted_nothing_is_flagged() -> None:
    page = PageReader(render(history(planted=NOTHING), NOW))
    assert "3 of 3 sites: yes" in of_class(page, "verdict")[0].text
    assert of_class(page, "flag") == []


def test_subjects_lost_are_those_of_the_results(page: PageReader) -> None:
    made = history()
    newest = made.subjects[made.subjects["run"] == made.runs["run"].iloc[-1]].set_index(["site", "outcome"])
    for site, row in zip(made.sites, rows(page, "sites"), strict=True):
        for outcome, said in zip(OUTCOMES, row[6:], strict=True):
            one = newest.loc[(site, outcome)]
            whole = one["analysed"] + one["dropped"]
            wanted = f"{one['lost']} of {whole}" if one["lost"] >= 5 else f"fewer than 5 of {whole}"
            assert said.startswith(wanted)


def test_a_site_names_the_checks_that_stop_it_and_the_youngest_that_fail() -> None:
    courses = {
        ("old", "t", "site0"): "fff", ("young", "t", "site0"): "ppf", ("older", "t", "site0"): "fff",
        ("young", "u", "site0"): "fff", ("stop", "t", "site0"): "pss", ("stop", "u", "site0"): "pss",
    }  # fmt: skip
    first, second = rows(PageReader(render(lines(courses), NOW)), "sites")
    assert first[5] == "✗ 1 : stop (2 tables) 3 more fail without stopping: young , old …"
    assert second[5] == "none"


def test_the_table_that_fell_furthest_is_named() -> None:
    made = history(runs=6, planted=NOTHING)
    profile = made.profile
    for table, n in (("procedure", 2000), ("observation", 1000)):
        where = {"kind": "records", "site": "site1", "table": table, "run": made.runs["run"].iloc[-1]}
        profile = with_rows(profile, where, n=n)
    (_, fallen, _) = rows(PageReader(render(replace(made, profile=profile), NOW)), "sites")
    assert re.search(r"observation: 2\d % of expected since 27 Nov, and 1 more", fallen[3])


def test_response_comes_before_the_endpoints() -> None:
    made = history(runs=2)
    page = PageReader(render(replace(made, subjects=made.subjects.iloc[::-1]), NOW))
    heads = [e.text for e in page.all("th") if e.text.startswith("Lost from")]
    assert heads == ["Lost from Response", "Lost from OS", "Lost from PFS"]


def test_the_numbers_stand_run_by_run_the_newest_first(page: PageReader) -> None:
    made = history()
    found = rows(page, "numbers")
    assert [row[0] for row in found[:2]] == ["27 Nov 02:14", "26 Nov 02:14"]
    assert len(found) == 30
    total = made.profile[made.profile["kind"] == "records"].groupby(["site", "run"])["n"].sum()
    for run, row in zip(reversed(list(made.runs["run"])), found, strict=False):
        said = int("".join(row[2].split()))
        assert said % 5 == 0
        assert abs(said - total["site1"][run]) < 5


def test_a_small_fall_is_told_without_its_numbers() -> None:
    made = history(runs=2, planted=NOTHING)
    profile = made.profile
    for run, n in zip(made.runs["run"], (44, 41), strict=True):
        profile = with_rows(profile, {"kind": "records", "site": "site1", "table": "patient", "run": run}, n=n)
    said = words(by_id(PageReader(render(replace(made, profile=profile), NOW)), "volume"))
    assert "St. Mary's patient not shown not shown small counts" in said


def test_changes_are_counted_and_named() -> None:
    made = lines(
        {("a", "t", "site0"): "pf", ("b", "t", "site0"): "ff", ("c", "t", "site1"): "fp", ("d", "t", "site1"): "fn"}
    )
    made.checks.loc[made.checks["check_id"].eq("b"), "numerator"] = [100, 200]
    said = words(of_class(PageReader(render(made, NOW)), "changes")[0])
    for told in ("1 new", "1 worse", "1 resolved", "1 no longer judged", "0 new in the 7 runs before"):
        assert told in said
    assert "a North University Hospital: t, 100 of 1" in said


def test_five_problems_by_subjects_with_first_seen_and_acknowledgement() -> None:
    made = history(runs=10)
    newest = made.runs["run"].iloc[-1]
    names = [one["id"] for one in made.definitions][8:16]
    checks = made.checks
    touched = []
    for place, name in enumerate(names):
        checks = with_rows(checks, {"check_id": name, "site": "site0"}, numerator=50, denominator=100, status="FAIL")
        table = checks.loc[checks["check_id"] == name, "table"].iloc[0]
        touched.append((newest, name, table, "site0", "PFS", 40 + 10 * place, 10 * place))
        touched.append((newest, name, table, "site0", "OS", 30, 0))
    frame = pd.DataFrame(touched, columns=["run", "check_id", "table", "site", "outcome", "subjects", "lost"])
    known = [
        (names[7], "", "", "B. Example", "being mapped", "2027-01-31"),
        (names[6], "", "site0", "C.", "n", "2026-11-01"),
        (names[5], "", "site1", "D. Elsewhere", "n", "2027-01-31"),
    ]
    acknowledged = pd.DataFrame(known, columns=["check_id", "table", "site", "name", "note", "until"])
    page = PageReader(render(replace(made, checks=checks, touched=frame, acknowledged=acknowledged), NOW))
    found = rows(page, "problems")
    assert [row[0].split(" ")[3] for row in found] == [name[-2:] for name in reversed(names[3:])]
    assert found[0][1] == "110 of 195 (56.4 %) in PFS; also OS 70 of them are lost"
    assert [row[2] for row in found[:3]] == [
        "18 Nov or earlier acknowledged: B. Example until 31 Jan 2027; being mapped",
        "18 Nov or earlier acknowledged: C. until 1 Nov 2026, that is over ; n",
        "18 Nov or earlier acknowledged by nobody",
    ]


def test_ten_codes_by_frequency_and_no_rare_one(text: str, page: PageReader) -> None:
    found = rows(page, "codes")
    assert [row[0].split(" ")[0] for row in found] == [f"LAB-{i:03}" for i in range(10)]
    counts = [int(row[1].split(" ")[0]) for row in found]
    assert counts == sorted(counts, reverse=True)
    assert "(rare)" not in text
    assert "4 more codes" in page.elements[0].text


def test_what_is_not_judged_is_never_green() -> None:
    """Nor is it, or what could not be computed, ever called a pass."""
    courses = {(f"check{letter}", "t", "site0"): letter * 2 for letter in "npwfeso"}
    page = PageReader(render(lines({**courses, ("gone", "t", "site0"): "p."}), NOW))
    heat = next(e for e in page.all("table") if e.attributes.get("class") == "heat")
    cells = {
        row.attributes["data-w"] + "|" + cell.text: cell.attributes["class"]
        for row in page.all("tr")
        if heat in row.ancestors() and "data-w" in row.attributes
        for cell in page.elements
        if cell.tag == "td" and cell.parent is row and cell.text
    }
    assert cells == {"n|○ n/a": "n", "p|✓ pass": "p", "w|◐ some": "w", "f|✗ fail": "f", "e|! error": "e",
                     "f|✗ stops": "s"}  # fmt: skip
    style = page.all("style")[0].text
    green = re.findall(r"([^{}]*)\{[^{}]*--good(?:-ground)?\)[^{}]*\}", style)
    classes = {name for rule in green for name in re.findall(r"\.([\w-]+)", rule)}
    assert classes & {"n", "e", "a", "f", "s", "w"} == set()
    assert "p" in classes


def test_every_check_has_its_definition(page: PageReader) -> None:
    made = history()
    found = rows(page, "definitions")
    assert [row[0].rsplit(" ", 1)[0] for row in found] == [one["id"].replace("_", " ") for one in made.definitions]
    for row, one in zip(found, made.definitions, strict=True):
        said = " ".join(row)
        for field in ("category", "context", "severity", "action", "reason", "consequence"):
            assert one[field] in said


def test_odd_months_and_falls_are_listed() -> None:
    made = history(runs=20)
    where = {"kind": "records", "site": "site1", "table": "procedure", "run": made.runs["run"].iloc[-1]}
    page = PageReader(render(replace(made, profile=with_rows(made.profile, where, n=2000)), NOW))
    said = words(by_id(page, "volume"))
    assert "St. Mary's procedure" in said
    assert "Fell by" in said
    assert "North University Hospital procedure Oct 2026" in said


SCRIPT = "<script>document.title='run'</script>"


def test_tags_in_any_text_are_text() -> None:
    made = history(runs=3)
    spoilt = replace(
        made,
        title=SCRIPT,
        study=SCRIPT,
        sites=dict.fromkeys(made.sites, SCRIPT),
        checks=made.checks.assign(**dict.fromkeys(("reason", "consequence", "error", "overridden"), SCRIPT)),
        profile=made.profile.assign(
            key=made.profile["key"].where(made.profile["kind"] != "unmapped", f"{SCRIPT}|{SCRIPT}")
        ),
        acknowledged=made.acknowledged.assign(name=SCRIPT, note=SCRIPT),
        definitions=[{**one, "reason": SCRIPT, "consequence": SCRIPT, "category": SCRIPT} for one in made.definitions],
    )
    text = render(spoilt, NOW)
    assert len(re.findall("<script", text)) == 1
    assert text.count("&lt;script&gt;") > 10


def test_the_same_history_gives_the_same_bytes() -> None:
    assert render(history(runs=8), NOW) == render(history(runs=8), NOW)


def test_fifty_checks_of_twenty_sites_in_a_hundred_runs_are_less_than_a_megabyte() -> None:
    """The time is for ``make bench-dashboard``; every line fails in some run, so that every trend is drawn."""
    made = history(sites=20, checks=50, runs=100)
    restless = np.random.default_rng(1).random(len(made.checks)) < 0.2
    checks = made.checks.assign(status=made.checks["status"].where(~restless, "FAIL"))
    text = render(replace(made, checks=checks), NOW)
    assert text.count('class="spark"') > 900
    assert len(text.encode()) < 1_000_000


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_few_runs_make_a_page(runs: int) -> None:
    text = render(history(runs=runs, planted=NOTHING), NOW)
    assert ("This is the first run" in text) is (runs == 1)


def test_results_of_checks_alone_make_a_page() -> None:
    """A study that compares nothing has no outcomes; an older run has no profile."""
    page = PageReader(render(lines({("a", "t", "site0"): "pf"}), NOW))
    assert "Lost from" not in page.elements[0].text
    assert "The runs hold no counts of records" in page.elements[0].text

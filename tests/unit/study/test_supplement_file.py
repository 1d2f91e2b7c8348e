# ruff: noqa: E501 - the table of faults reads better in lines
"""Supplements as text: every fault with line and column, and never what stands there. Oracle: the lines below."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.study.supplement import Supplement
from analysis.study.supplement_file import MOST_FAULTS, SupplementRow, read_supplement
from mappings.codelists import ConceptMapping, ConceptRow

RULES = Supplement.model_validate(
    {
        "file": "charts.csv",
        "closed": date(2024, 2, 1),
        "variable": {
            "size": {"list": "size", "unit": "cm"},
            "ecog": {"list": "ecog", "values": "ecog"},
            "count": {"list": "count", "type": "integer"},
            "ascites": {"list": "ascites", "type": "boolean"},
            "contact": {"list": "contact", "type": "date"},
        },
    }
)
MAPS = {
    "ecog": ConceptMapping(
        "ecog",
        (
            ConceptRow("http://loinc.org", "LA9622-7", None, "0"),
            ConceptRow("http://loinc.org", "LA9623-5", None, "1"),
            ConceptRow("http://a.example", "X", None, "1"),
            ConceptRow("http://b.example", "X", None, "0"),
        ),
    )
}
HEAD = "pseudonym,date,variable,value,reader"
WHO = "0123456789abcdef"
GOOD = f"{WHO},2020-01-31,size,7.5,reader-1"


def read(*lines: str) -> tuple[tuple[SupplementRow, ...], list[str]]:
    rows, problems = read_supplement("\n".join(lines), "charts.csv", RULES, MAPS)
    return rows, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD.replace(WHO, "P01"), "charts.csv:2: pseudonym: must be a subject's USUBJID"),
        (GOOD.replace(WHO, WHO.upper()), "charts.csv:2: pseudonym: must be a subject's USUBJID"),
        (GOOD.replace("2020-01-31", "31.01.2020"), "charts.csv:2: date: must be a date, for instance 2020-12-31"),
        (GOOD.replace("2020-01-31", "2020-02-30"), "charts.csv:2: date: must be a date"),
        (GOOD.replace("2020-01-31", "2020-01-31T10:00"), "charts.csv:2: date: must be a date"),
        (GOOD.replace("2020-01-31", ""), "charts.csv:2: date: must be a date"),
        (GOOD.replace("2020-01-31", "2024-02-02"), "charts.csv:2: date: lies after the day the file was closed"),
        (GOOD.replace("size", "sice"), "charts.csv:2: variable: is no variable of the supplement: did you mean 'size'?"),
        (GOOD.replace("7.5", ""), "charts.csv:2: value: is empty"),
        (GOOD.replace("7.5", "7.5 cm"), "charts.csv:2: value: must be a number in cm"),
        (GOOD.replace("7.5", '"7,5"'), "charts.csv:2: value: must be a number in cm, with a decimal point"),
        (GOOD.replace("7.5", "1234567890.1234567"), "charts.csv:2: value: has more than 15 digits"),
        (GOOD.replace("size,7.5", "ecog,3"), "charts.csv:2: value: is neither a code nor a level of maps/ecog.json"),
        (GOOD.replace("size,7.5", "ecog,X"), "charts.csv:2: value: is a code of 2 systems in maps/ecog.json"),
        (GOOD.replace("size,7.5", "count,1.5"), "charts.csv:2: value: must be a whole number"),
        (GOOD.replace("size,7.5", "ascites,yes"), "charts.csv:2: value: must be true or false"),
        (GOOD.replace("size,7.5", "contact,May"), "charts.csv:2: value: must be a date"),
        (GOOD.replace("reader-1", "Dr. Jane Doe"), "charts.csv:2: reader: must be who read the chart, by role or code"),
        (GOOD.replace("reader-1", ""), "charts.csv:2: reader: must be who read the chart"),
        (GOOD + ",more", "charts.csv:2: has 6 cells, and there are 5 columns"),
        (GOOD.replace("7.5", '"7.5'), "charts.csv:2: this is not CSV: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_line_and_column(line: str, said: str) -> None:
    (found,) = read(HEAD, line)[1]
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "charts.csv: is empty: the first line names the columns"),
        ([GOOD], "charts.csv:1: the first line names the columns, pseudonym,date,variable,value,reader; pseudonym, date"),
        ([HEAD.replace(",reader", "")], "charts.csv:1: the first line names the columns"),
        ([HEAD + ",note", GOOD + ",x"], "charts.csv:1: the first line names the columns"),
        ([HEAD.replace(",", ";"), GOOD.replace(",", ";")], "charts.csv:1: columns are separated by commas, not semicolons"),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_one_fault(lines: list[str], said: str) -> None:
    rows, (found,) = read(*lines)
    assert found.startswith(said)
    assert rows == ()


def test_a_line_said_twice_is_told_with_the_first() -> None:
    rows, (found,) = read(HEAD, GOOD, GOOD.replace("reader-1", "reader-2"), "", GOOD.replace("7.5", "8"))
    assert found == "charts.csv:5: line 2 is of the same subject, date, variable and reader: keep one of the two"
    assert [row.line for row in rows] == [2, 3, 5]


def test_columns_may_stand_in_any_order_and_codes_levels_and_comparators_are_read() -> None:
    rows, problems = read("reader,value,variable,date,pseudonym", *(
        f"r,{value},{variable},2020,{WHO[:-1]}{n}" for n, (variable, value) in enumerate(
            [("size", "<5"), ("size", "7"), ("ecog", "LA9622-7"), ("ecog", "1"), ("ascites", "true"), ("contact", "2020-02")]
        )
    ))  # fmt: skip
    assert problems == []
    assert rows[0] == SupplementRow(WHO[:-1] + "0", "2020", "size", "<5", "r", 2)


def test_a_line_after_a_cell_of_two_lines_keeps_its_number() -> None:
    broken = GOOD.replace("7.5", '"7\n5"')
    _, found = read(HEAD, broken, GOOD.replace("7.5", "x"))
    assert [text.split(": ")[0] for text in found] == ["charts.csv:2", "charts.csv:4"]


def test_many_faults_are_counted_and_the_first_are_told() -> None:
    lines = [f"{n:016x},2020-01-31,size,x,reader-1" for n in range(MOST_FAULTS + 7)]
    _, found = read(HEAD, *lines)
    assert len(found) == MOST_FAULTS + 1
    assert found[0] == "charts.csv: has 57 faults; the first 50 are told here"


@given(st.lists(st.text(alphabet=st.characters(blacklist_characters='\r\n",'), max_size=12), min_size=5, max_size=5))
def test_what_stands_in_a_cell_is_never_said(cells: list[str]) -> None:
    marked = [f"§{cell}§" for cell in cells]
    _, found = read(HEAD, ",".join(marked))
    assert len(found) == 4  # the value of an unknown variable cannot be judged
    assert not any("§" in text for text in found)

"""Record against supplement on the page. Oracle: counted by hand on six subjects (test_source_agreement.py)."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.report.page import render
from analysis.stats.disclosure import suppress
from tests.fixtures.made_up_study import made_up_study
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import provenance, quality
from tests.unit.stats.test_source_agreement import CELLS, STAGES, results, study_with_supplement

STAGE, WEIGHT = "agreement.record_supplement:stage", "agreement.record_supplement:weight"


def _read(found: pd.DataFrame, state: str = "DRAFT") -> PageReader:
    return PageReader(render(study_with_supplement(), found, quality(), provenance(state=state), None))


def _shown(page: PageReader) -> dict[str, str]:
    inside = [e for e in page.elements if any(a.attributes.get("id") == "sources" for a in e.ancestors())]
    return {e.attributes["data-result"]: e.text for e in inside if "data-result" in e.attributes}


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (f"{WEIGHT}.agree.total.count.", "1"),
        (f"{WEIGHT}.only_record.total.count.", "1"),
        (f"{WEIGHT}..total.mean_difference.limits_of_agreement", "0.7"),  # (0 - 2 + 4) / 3
        (f"{STAGE}.agree.total.count.", "2"),
        (f"{STAGE}..total.kappa.unweighted", "0.333"),  # (2 / 4 - 4 / 16) / (1 - 4 / 16)
        ("agreement.record_supplement:age..total.mean_difference.limits_of_agreement", "NE"),
    ],
)
def test_each_covariate_has_its_line(result: str, text: str) -> None:
    assert _shown(_read(results(CELLS, STAGES)))[result] == text


def test_equal_stands_with_those_who_have_both() -> None:
    assert "2 of 4" in [e.text for e in _read(results(CELLS, STAGES)).all("td")]


def test_suppressed_says_so() -> None:
    shown = _shown(_read(suppress(results(CELLS * 40, STAGES * 40), 5)))
    assert len(shown) > 8
    assert set(shown.values()) == {"suppressed"}


def test_masked_or_without_a_supplement_there_is_no_such_section() -> None:
    plain = render(made_up_study(("A", "B")), results(CELLS, STAGES), quality(), provenance(), None)
    for page in (_read(results(CELLS, STAGES), "MASKED"), PageReader(plain)):
        assert "sources" not in {e.attributes["id"] for e in page.with_attribute("id")}

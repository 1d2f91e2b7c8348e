"""What is said in passing: the comparison in a few lines, the synthetic note, progress as lines of a log.

Oracle: the results table given here, read by hand; the two methods of the sample study's file.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.study.model import Study
from flows import progress, study_folder
from flows.run_folder import write_bytes
from flows.summary import comparison_lines, synthetic_note
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def study() -> Study:
    found = study_folder.read(REPOSITORY / "studies" / "li2023").study
    assert isinstance(found, Study)
    return found


def table(*rows: tuple[str, str, str, str, str, float | None, str]) -> pd.DataFrame:
    columns = ["parameter", "variable", "group", "level", "method", "value", "warning"]
    return pd.DataFrame(rows, columns=columns).assign(statistic="p")


def cells(study: Study, results: pd.DataFrame) -> dict[str, list[str]]:
    """Published and primary cell of each outcome: two columns of 24 after the label of 44."""
    lines = list(comparison_lines(study, results))[2:]
    return {line[:44].strip(): [line[44:68].strip(), line[68:].strip()] for line in lines}


def test_each_method_shows_its_own_test(study: Study) -> None:
    both = "DEB-TACE vs cTACE"
    found = cells(
        study,
        table(
            ("OS", "logrank", both, "", "logrank", 0.0401, ""),
            ("response", "orr", both, "", "pearson", 0.33801, ""),
            ("response", "orr", both, "", "fisher", 0.6351, ""),
            ("response", "orr", both, "CR", "fisher", 0.1, ""),
            ("response", "orr", "total", "", "fisher", 0.2, ""),
        ),
    )
    assert found["Overall survival"] == ["0.040 logrank", "0.040 logrank"]
    assert found["Objective response (CR + PR)"] == ["0.338 pearson", "0.635 fisher"]
    assert found["Disease control (CR + PR + SD)"] == ["", ""], "no row, no figure"


@pytest.mark.parametrize(
    ("value", "warning", "shown"),
    [
        (0.00049, "", "< 0.001 logrank"),
        (0.0005, "", "0.001 logrank"),
        (None, "NE: no events", "NE"),
        (None, "suppressed", "suppressed"),
    ],
)
def test_small_missing_and_suppressed_p_values(study: Study, value: float | None, warning: str, shown: str) -> None:
    results = table(("PFS", "logrank", "DEB-TACE vs cTACE", "", "logrank", value, warning))
    assert cells(study, results)["Progression-free survival"] == [shown, shown]


def test_the_synthetic_note_is_never_empty_and_never_of_real_data(study: Study) -> None:
    head = study.study
    without = study.model_copy(update={"study": head.model_copy(update={"synthetic_note": None})})
    real = study.model_copy(update={"study": head.model_copy(update={"data": "real"})})
    assert synthetic_note(study) == head.synthetic_note
    assert synthetic_note(without)
    assert synthetic_note(real) is None


def test_a_log_has_the_beginning_and_the_end_of_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a terminal: a line at the beginning and the end, none for every patient between."""
    monkeypatch.setattr(progress._Lines, "every_seconds", float("inf"))
    with progress.shown() as say:
        for done in range(1001):
            say("sample patients", done, 1000)
        say("pages of Observation", 3, None)
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "  sample patients: 0 of 1,000",
        "  sample patients: 1,000 of 1,000",
        "  pages of Observation: 3",
    ]
    assert said.out == ""
    with progress.shown(quiet=True) as say:
        say("sample patients", 1, 1)
    assert capsys.readouterr().err == ""


def test_what_a_command_writes_is_whole_or_absent(tmp_path: Path) -> None:
    """A file is replaced in one go: a reader never sees half of it, and no part is left behind."""
    target = tmp_path / "latest"
    write_bytes(target, b"first")
    with target.open("rb") as reader:
        write_bytes(target, b"second")
        assert reader.read() == b"first"
    assert target.read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]

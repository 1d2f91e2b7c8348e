"""The column dictionary of a study that asks for a supplement, a landmark, competing events and missed visits at once.

Oracles: the data sets that are derived for that study, each column and code of them; docs/derivation.md, "Endpoints".
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analysis.cases.load import reasons
from analysis.derive import derive
from analysis.export.define import define
from analysis.export.measure_report import counted
from analysis.study.model import Study
from analysis.supplement import PREFIX
from flows.export.data_sets import write_dictionary
from flows.run_folder import RunFolder
from flows.steps.subjects import write_derived
from tests.fixtures.data_sets import assert_described
from tests.unit.derive.hospital import KEY, STUDY, Hospital, maps, study
from tests.unit.derive.test_competing_events import CODES, RELAPSE, hospital
from tests.unit.derive.test_dates_of_events import ENDS, MISSED
from tests.unit.derive.test_event_lists import LISTS
from tests.unit.derive.test_record_or_supplement import VARIABLES

MISSED_UNNAMED = {"id": "missed-unnamed", "max_gap_days": 30}
EVERYTHING = study(
    list=LISTS,
    endpoint=[*STUDY["endpoint"], RELAPSE],
    index={**STUDY["index"], "landmark": 28},
    supplement={"file": "x.csv", "closed": date(2024, 1, 1), "variable": VARIABLES},
    analysis={"sensitivity": [*STUDY["analysis"]["sensitivity"], *ENDS, *MISSED, MISSED_UNNAMED]},
)


def _hospital() -> Hospital:
    h = hospital()
    h.observe("recurs", "size", -20, id=PREFIX + "1", value_quantity=3, value_unit_code="cm")
    h.observe("recurs", "grade", -20, "g2", id=PREFIX + "2")
    h.subject("dead-before", deceased_date="2020-03-20")
    h.subject("long-unseen", deceased_date="2021-01-20")
    return h


def test_every_column_and_code_of_every_set_is_described(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    derived = derive(EVERYTHING, CODES, maps(), _hospital().tables(), KEY, {})
    write_derived(run, derived)
    write_dictionary(EVERYTHING, run.analysis)
    assert_described(run)
    # What the dictionary would have to lack to fail is there.
    assert {"size_record", "size_supplement", "grade_record", "grade_supplement"} <= set(derived.adsl.columns)
    assert "before-landmark" in set(derived.adsl["EXCLRSN"])
    assert "Death without recurrence" in set(derived.adtte["CNSDTDSC"])
    unseen = derived.variants["missed-unnamed"].adtte
    assert "Censored at the last assessment, more than 30 days before the event" in set(unseen["CNSDTDSC"])


def _codes(asked: Study, data_set: str, column: str) -> dict[str, str]:
    (one,) = (one for one in define(asked)["datasets"] if one["name"] == data_set)
    (said,) = (said for said in one["columns"] if said["name"] == column)
    codes: dict[str, str] = said["codes"]
    return codes


OWN = "censored by a sensitivity analysis' own reason"


@pytest.mark.parametrize(
    ("column", "meanings"),
    [
        ("PFS_CNSR", ["event", "censored by source 1 of the endpoint", "censored by source 2 of the endpoint", OWN]),
        ("OS_CNSR", ["event", "censored by source 1 of the endpoint", OWN]),
        (
            "TTR_CNSR",
            [
                "event", "censored by source 1 of the endpoint", "censored by source 2 of the endpoint",
                "competing event: Death without recurrence", OWN,
            ],
        ),
    ],
)  # fmt: skip
def test_each_endpoint_says_what_its_codes_mean(column: str, meanings: list[str]) -> None:
    assert _codes(EVERYTHING, "analysis_table", column) == {str(code): said for code, said in enumerate(meanings)}


def test_adtte_says_all_that_a_code_means() -> None:
    said = _codes(EVERYTHING, "ADTTE", "CNSR")
    assert said["1"] == "censored by source 1 of the endpoint"
    assert said["3"] == f"{OWN}; competing event: Death without recurrence"
    assert said["4"] == OWN
    assert list(_codes(study(analysis={}), "ADTTE", "CNSR")) == ["0", "1", "2"]


@pytest.mark.parametrize(("landmark", "washout"), [(0, 0), (28, 0), (0, 180), (28, 180)])
def test_reasons_are_those_the_study_can_exclude_for(landmark: int, washout: int) -> None:
    """In the dictionary, in what a case may say, and in the order of the flow of a MeasureReport."""
    index: dict[str, Any] = {**STUDY["index"], "landmark": landmark or None, "washout_days": washout}
    asked = study(index={key: value for key, value in index.items() if value is not None})
    expected = [
        *(["washout"] if washout else []),
        *(["before-landmark"] if landmark else []),
        "mixed-materials", "material-unknown", *(one["id"] for one in STUDY["criterion"]),
    ]  # fmt: skip
    assert list(_codes(asked, "ADSL", "EXCLRSN")) == expected
    assert reasons(asked) == ["not-screened", *expected]
    order = ["screened", *expected, "a-check", "excluded", "analysed"]
    rows = [
        {"parameter": "flow", "variable": name, "level": "", "statistic": "n", "group": "total", "method": ""}
        for name in sorted(order)
    ]
    (flow,) = counted(asked, rows)
    assert [name for name, _ in flow.populations["total"]] == order

"""What the deriving rules say of every subject and every row, whatever the case.

Oracle: docs/derivation.md; every expected value follows from the rule by hand. The subjects are in
tests/fixtures/rule_cases.py.
"""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.derive import Derived, SiteRules
from tests.fixtures.rule_cases import hospital_of_cases
from tests.unit.derive.hospital import Hospital

pytestmark = pytest.mark.xdist_group("deriving-rules")  # one derivation serves them all


def test_every_screened_subject_is_analysed_or_has_one_reason(
    adsl: pd.DataFrame, derived: Derived, hospital: Hospital
) -> None:
    assert len(adsl) == len(hospital.rows["patient"]) == adsl["USUBJID"].nunique()
    assert ((adsl["ANL01FL"] == "Y") == adsl["EXCLRSN"].isna()).all()
    assert len(derived.analysis_table) == (adsl["ANL01FL"] == "Y").sum()


def test_every_row_of_adtte_explains_itself(derived: Derived) -> None:
    t = derived.adtte
    assert t["EVNTDESC"].notna().all()
    assert (t["CNSDTDSC"].notna() == (t["CNSR"] > 0)).all()
    assert t.loc[t["ADT"].notna(), "SRCREF"].notna().all()
    assert set(t["AVALU"]) == {"DAYS"}
    assert set(t["PARAM"]) == {"Progression-free survival", "Overall survival"}


def test_order_of_arrival_never_decides(derived: Derived) -> None:
    turned = hospital_of_cases()
    turned.rows = {view: rows[::-1] for view, rows in turned.rows.items()}
    again = turned.derive(h=SiteRules())
    for name in ("adsl", "adrs", "adtte", "analysis_table", "counts"):
        pd.testing.assert_frame_equal(getattr(derived, name), getattr(again, name))

"""What the raw checks say of the sample study. Oracle: docs/quality-checks.md, which says that all pass, and which are
not applicable and why."""

from __future__ import annotations

import pandas as pd
import pytest

from expectations.catalogue import raw_checks
from flows.run_folder import RunFolder

pytestmark = pytest.mark.xdist_group("sample-run")

NOTHING_TO_ASK = {
    ("lab_value_in_physiologic_range", "observation"),
    ("lab_value_in_physiologic_range", "observation_component"),
    ("period_end_not_before_start", "observation"),
    ("medication_reference_resolves", "medication_administration"),
}
NO_ROWS = {"medication", "adverse_event"}


def test_every_raw_check_of_a_table_passes_or_has_nothing_to_ask(finished_run: RunFolder) -> None:
    checks = pd.read_parquet(finished_run.checks)
    counted = {check.id for check in raw_checks() if check.table != "landing"}
    raw = checks[checks["check_id"].isin(counted)]
    assert set(raw["check_id"]) == counted
    unasked = raw[raw["status"] == "NOT_APPLICABLE"]
    pairs = set(zip(unasked["check_id"], unasked["table"], strict=True))
    assert {(check, table) for check, table in pairs if table not in NO_ROWS} == NOTHING_TO_ASK
    assert set(raw.loc[raw["table"].isin(NO_ROWS), "status"]) == {"NOT_APPLICABLE"}
    assert set(raw["status"]) == {"PASS", "NOT_APPLICABLE"}

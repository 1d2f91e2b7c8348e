"""Nothing that came is a count too. Oracle: the sites and tables written down."""

from __future__ import annotations

import pandas as pd

from expectations.table_profile import COLUMNS, with_absent


def test_a_site_and_table_without_records_has_none_of_them() -> None:
    there = pd.DataFrame([("north", "patient", "records", "", 7, 7)], columns=list(COLUMNS))
    whole = with_absent(there, ["north", "south"], ["patient", "observation", "no_view"])
    counts = {(row.site, row.table): row.n for row in whole.itertuples() if row.kind == "records"}
    assert counts == {
        ("north", "patient"): 7, ("north", "observation"): 0, ("south", "patient"): 0, ("south", "observation"): 0,
    }  # fmt: skip


def test_a_whole_profile_stays_as_it_is() -> None:
    there = pd.DataFrame([("north", "patient", "records", "", 7, 7)], columns=list(COLUMNS))
    pd.testing.assert_frame_equal(with_absent(there, ["north"], ["patient"]), there)

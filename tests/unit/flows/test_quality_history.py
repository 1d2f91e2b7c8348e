"""Which earlier runs a run is compared with. Oracle: run folders written by hand, told apart by their run.json."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from expectations.history import history_findings
from expectations.table_profile import COLUMNS
from flows.quality_history import MOST_RUNS, WHOLE, comparable, earlier_profiles
from flows.run_folder import RunFolder, private_folder, write_json

INPUTS = "a" * 64


def made(
    root: Path, night: int, exit_code: int | None = 0, inputs: str = INPUTS, missing: dict | None = None, n: int = 100
) -> RunFolder:
    """A run of the night, with two sites' profile in it."""
    month, day = divmod(night, 28)
    run = RunFolder(private_folder(root / f"2024{month + 1:02}{day + 1:02}T030000Z-0000"))
    started = f"2024-{month + 1:02}-{day + 1:02}T03:00:00Z"
    write_json(
        run.root / "run.json",
        {"run": run.id, "started": started, "inputs_sha256": inputs, "exit_code": exit_code, "missing": missing or {}},
    )
    private_folder(run.checks.parent)
    rows = [
        (site, "procedure", kind, key, n, n)
        for site in ("north", "south")
        for kind, key in (("records", ""), ("newest", started[:10]), ("code", "s|1"))
    ]
    pd.DataFrame(rows, columns=list(COLUMNS)).to_parquet(run.checks.with_name("profile.parquet"), index=False)
    return run


def test_only_ended_runs_of_equal_inputs_before_it_count_oldest_first(tmp_path: Path) -> None:
    complete, held, short = made(tmp_path, 1), made(tmp_path, 2, 5), made(tmp_path, 3, 6)
    made(tmp_path, 4, 3)  # no source
    made(tmp_path, 5, None)  # not ended
    made(tmp_path, 6, inputs="b" * 64)  # another study, source or filter
    without = made(tmp_path, 7)
    without.checks.with_name("profile.parquet").unlink()
    (tmp_path / "latest").write_text("x")
    run = made(tmp_path, 8)
    made(tmp_path, 9)  # after it
    assert [one.id for one in comparable(run)] == [complete.id, held.id, short.id]
    rows = earlier_profiles(run)
    assert list(rows.columns) == ["run", "started", *COLUMNS, "held"]
    assert list(dict.fromkeys(rows["run"])) == [complete.id, held.id, short.id]


def test_a_site_that_did_not_land_whole_is_left_out_of_that_run(tmp_path: Path) -> None:
    made(tmp_path, 1, 6, missing={"south": ["page 3 of search 7"]})
    assert set(earlier_profiles(made(tmp_path, 2))["site"]) == {"north"}


def test_the_first_run_has_no_history(tmp_path: Path) -> None:
    rows = earlier_profiles(made(tmp_path, 1))
    assert (list(rows.columns), len(rows)) == (["run", "started", *COLUMNS, "held"], 0)


@pytest.mark.parametrize(("stops", "overridden", "held"), [(True, "", True), (True, "Dr A", False), (False, "", False)])
def test_what_the_gate_held_and_nobody_overrode_is_marked(
    tmp_path: Path, stops: bool, overridden: str, held: bool
) -> None:
    first = made(tmp_path, 1, 5)
    drop = {"check_id": "records_drop_over_5_percent", "table": "procedure", "site": "north"}
    other = {**drop, "check_id": "resource_id_unique", "site": "south", "stops": True, "overridden": ""}
    pd.DataFrame([{**drop, "stops": stops, "overridden": overridden}, other]).to_parquet(first.checks, index=False)
    rows = earlier_profiles(made(tmp_path, 2))
    assert set(rows.loc[rows["held"], "site"]) == ({"north"} if held else set())


def test_a_loss_is_still_seen_on_the_second_night(tmp_path: Path) -> None:
    """The night after a held run is compared with the run before it, until somebody accepts what came."""
    made(tmp_path, 1)
    first = made(tmp_path, 2, 5, n=60)
    drop = {"check_id": "records_drop_over_5_percent", "table": "procedure", "site": "north", "stops": True}
    pd.DataFrame([{**drop, "overridden": ""}]).to_parquet(first.checks, index=False)
    second = made(tmp_path, 3, n=60)
    now = pd.read_parquet(second.checks.with_name("profile.parquet"))
    found = {
        f.site: (f.numerator, f.denominator)
        for f in history_findings(now, earlier_profiles(second), pd.Timestamp("2024-01-04").date(), ["north", "south"])
        if f.check_id == "records_drop_over_5_percent"
    }
    assert found == {"north": (40, 100), "south": (0, 60)}


def test_of_old_runs_only_volume_is_read(tmp_path: Path) -> None:
    for night in range(MOST_RUNS + 2):
        made(tmp_path, night)
    rows = earlier_profiles(made(tmp_path, MOST_RUNS + 2))
    assert rows["run"].nunique() == MOST_RUNS
    assert rows.loc[rows["kind"] == "code", "run"].nunique() == WHOLE

"""Which earlier runs a run is compared with. Oracle: run folders written by hand, told apart by their run.json."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from expectations.history import history_findings
from expectations.table_profile import COLUMNS
from flows.quality_history import MOST_RUNS, WHOLE, comparable, earlier_profiles
from flows.run_folder import RunFolder, private_folder, write_json

SITES = ("north", "south")
FACTS = {
    "filters_sha256": dict.fromkeys(SITES, "f"),
    "sources_sha256": dict.fromkeys(SITES, "s"),
    "views_sha256": {"procedure": "v"},
}


def made(
    root: Path, night: int, exit_code: int | None = 0, missing: dict | None = None, n: int = 100, **facts: Any
) -> RunFolder:
    """A run of the night, with two sites' profile in it. ``facts``: what its run.json says otherwise."""
    started = f"{date(2023, 1, 1) + timedelta(days=night)}T03:00:00Z"
    run = RunFolder(private_folder(root / f"{started[:10].replace('-', '')}T030000Z-0000"))
    said = {"run": run.id, "started": started, "exit_code": exit_code, "missing": missing or {}, "steps": {}}
    write_json(run.root / "run.json", {**said, **FACTS, **facts})
    private_folder(run.checks.parent)
    rows = [
        (site, "procedure", kind, key, n, n)
        for site in SITES
        for kind, key in (("records", ""), ("newest", started[:10]), ("code", "s|1"))
    ]
    pd.DataFrame(rows, columns=list(COLUMNS)).to_parquet(run.checks.with_name("profile.parquet"), index=False)
    return run


def test_only_ended_runs_of_equal_filters_before_it_count_oldest_first(tmp_path: Path) -> None:
    complete, held, short = made(tmp_path, 1), made(tmp_path, 2, 5), made(tmp_path, 3, 6)
    made(tmp_path, 4, 3)  # no source
    made(tmp_path, 5, None)  # not ended
    made(tmp_path, 6, filters_sha256=dict.fromkeys(SITES, "g"))  # other filters
    without = made(tmp_path, 7)
    without.checks.with_name("profile.parquet").unlink()
    (tmp_path / "latest").write_text("x")
    run = made(tmp_path, 8)
    made(tmp_path, 9)  # after it
    assert [one.run.id for one in comparable(run)] == [complete.id, held.id, short.id]
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
        for f in history_findings(now, earlier_profiles(second), date(2023, 1, 4), ["north", "south"])
        if f.check_id == "records_drop_over_5_percent"
    }
    assert found == {"north": (40, 100), "south": (0, 60)}


def test_of_old_runs_only_volume_is_read(tmp_path: Path) -> None:
    for night in range(MOST_RUNS + 2):
        made(tmp_path, night)
    rows = earlier_profiles(made(tmp_path, MOST_RUNS + 2))
    assert rows["run"].nunique() == MOST_RUNS
    assert rows.loc[rows["kind"] == "code", "run"].nunique() == WHOLE


def held(run: RunFolder, table: str = "procedure", site: str = "north") -> RunFolder:
    """The run with the gate's verdict that the site's table had lost records."""
    drop = {"check_id": "records_drop_over_5_percent", "table": table, "site": site, "stops": True, "overridden": ""}
    pd.DataFrame([drop]).to_parquet(run.checks, index=False)
    return run


@pytest.fixture
def few_runs(monkeypatch: pytest.MonkeyPatch) -> int:
    """As if no more runs than these were looked at."""
    monkeypatch.setattr("flows.quality_history.MOST_RUNS", 26)
    return 26


@pytest.mark.parametrize("nights", [13, 27])
def test_a_loss_is_judged_against_the_good_nights_however_long_it_lasts(
    tmp_path: Path, nights: int, few_runs: int
) -> None:
    """14 good nights, then the site is held night after night: the last good ones stay its measure, whole."""
    for night in range(14):
        made(tmp_path, night)
    for night in range(14, 14 + nights):
        held(made(tmp_path, night, 5, n=60))
    run = made(tmp_path, 14 + nights, n=60)
    now = pd.read_parquet(run.quality / "profile.parquet")
    rows = earlier_profiles(run)
    at = [(f.check_id, (f.numerator, f.denominator)) for f in history_findings(now, rows, date(2023, 6, 1), SITES)
          if (f.site, f.table) == ("north", "procedure")]  # fmt: skip
    found = dict(at)
    assert found["records_drop_over_5_percent"] == (40, 100)
    assert found["usual_codes_still_sent"] == (0, 1)
    assert found["code_mix_shift"] == (0, 60)
    counts = rows[~rows["held"] & (rows["site"] == "north")]
    assert (counts.loc[counts["kind"] == "code", "run"].nunique(), counts["run"].nunique()) == (14, 14)
    assert rows.loc[rows["site"] == "south", "run"].nunique() == min(14 + nights, few_runs)


def test_one_table_that_is_held_costs_the_other_tables_nothing(tmp_path: Path) -> None:
    for night in range(WHOLE + 1):
        made(tmp_path, night)
    for night in range(WHOLE + 1, WHOLE + 4):
        held(made(tmp_path, night, 5), table="observation")
    rows = earlier_profiles(made(tmp_path, WHOLE + 4))
    assert set(rows.loc[rows["site"] == "north", "held"]) == {False}
    assert rows.loc[(rows["site"] == "north") & (rows["kind"] == "code"), "run"].nunique() == WHOLE


def test_nights_without_a_site_do_not_use_up_its_places(tmp_path: Path, few_runs: int) -> None:
    made(tmp_path, 0)
    for night in range(1, few_runs + 2):
        made(tmp_path, night, 6, missing={"south": ["page 1"]})
    rows = earlier_profiles(made(tmp_path, few_runs + 2))
    assert rows.loc[rows["site"] == "south", "kind"].to_list() == ["records", "newest", "code"]


@pytest.mark.parametrize("what", ["filters_sha256", "sources_sha256"])
def test_a_site_with_another_source_or_other_filters_begins_anew_alone(tmp_path: Path, what: str) -> None:
    made(tmp_path, 1, **{what: {"north": "other", "south": FACTS[what]["south"]}})
    assert set(earlier_profiles(made(tmp_path, 2))["site"]) == {"south"}


def test_a_new_site_costs_the_others_nothing(tmp_path: Path) -> None:
    made(tmp_path, 1)
    more = {what: {**FACTS[what], "third": "x"} for what in ("filters_sha256", "sources_sha256")}
    assert set(earlier_profiles(made(tmp_path, 2, **more))["site"]) == set(SITES)


def test_a_table_made_by_another_view_is_no_measure(tmp_path: Path) -> None:
    made(tmp_path, 1, views_sha256={"procedure": "older", "patient": "v"})
    assert earlier_profiles(made(tmp_path, 2, views_sha256={"procedure": "v", "patient": "v"})).empty


@pytest.mark.parametrize(("exit_code", "counts"), [(0, True), (5, True), (4, False)])
def test_a_run_that_was_opened_again_counts_as_it_had_ended(tmp_path: Path, exit_code: int, counts: bool) -> None:
    earlier = made(tmp_path, 1, exit_code)
    earlier.reopen("check")
    assert earlier.read()["exit_code"] is None
    assert bool(comparable(made(tmp_path, 2))) is counts

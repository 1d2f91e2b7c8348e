"""What becomes of what a snapshot holds. Oracle: the rules in docs/incremental.md, each on a handful of resources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.landing import fates
from flows.landing.fates import HISTORY, LISTS, Applied, Asking
from flows.landing.holdings import Holdings

ASKING = Asking("", "", {"Encounter": "2026-01-01T00:00:00Z"}, {}, {"Encounter": HISTORY}, False, ())


@pytest.fixture
def holdings(tmp_path: Path) -> Iterator[Holdings]:
    made = Holdings(tmp_path / "tables.sqlite", "test")
    yield made
    made.close()


def encounter(id_: str, version: str = "1", updated: str = "2026-01-01T00:00:00Z", **more: Any) -> dict[str, Any]:
    meta = {"versionId": version, "lastUpdated": updated}
    return {"resourceType": "Encounter", "id": id_, "meta": meta, **more}


def held(holdings: Holdings, folder: Path, *resources: dict[str, Any]) -> None:
    holdings.hold(_write(folder / "held", *resources), "Encounter")


def came(holdings: Holdings, folder: Path, *resources: dict[str, Any]) -> None:
    _write(folder / "came", *resources)
    holdings.take([folder / "came"])


def _write(folder: Path, *resources: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / "Encounter.000.ndjson").open("a") as out:
        out.writelines(json.dumps(resource) + "\n" for resource in resources)
    return folder / "Encounter.000.ndjson"


def settled(holdings: Holdings, asking: Asking = ASKING) -> tuple[list[str], Applied]:
    fates.settle(holdings, asking)
    counts = fates.applied(holdings)["Encounter"]
    assert counts.balanced
    return sorted(holdings.ids("SELECT key FROM stays")), counts


def test_what_is_said_to_be_deleted_goes_unless_it_came(holdings: Holdings, tmp_path: Path) -> None:
    held(holdings, tmp_path, encounter("gone"), encounter("back"), encounter("stays"))
    came(holdings, tmp_path, encounter("back", "3"))
    fates.note_deleted(holdings, [("Encounter", "gone"), ("Encounter", "back"), ("Patient", "stays")])
    assert settled(holdings) == (["back", "stays"], Applied(3, 0, 1, 1, 0, 0, 2))


def test_what_is_asked_for_whole_and_did_not_come_is_gone(holdings: Holdings, tmp_path: Path) -> None:
    held(holdings, tmp_path, encounter("a"), encounter("b"))
    came(holdings, tmp_path, encounter("b"), encounter("c"))
    assert settled(holdings, replace(ASKING, since={})) == (["b", "c"], Applied(2, 1, 0, 1, 0, 0, 2))


def test_what_is_not_listed_is_gone(holdings: Holdings, tmp_path: Path) -> None:
    held(holdings, tmp_path, encounter("a"), encounter("b"))
    holdings.keep("listed", [(0, "Encounter", "a", "1"), (0, "Encounter", "later", "1"), (0, "Patient", "b", "1")])
    kept, _ = settled(holdings, replace(ASKING, deletions={"Encounter": LISTS}))
    assert kept == ["a"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (encounter("x", "1"), encounter("x", "2", "2026-01-02T00:00:00Z", status="new")),
        (encounter("x", "9"), encounter("x", "10", status="new")),
        (encounter("x", "a"), encounter("x", "b", status="new")),
        (encounter("x", "7", "soon"), encounter("x", "1", "1999-01-01T00:00:00Z", status="new")),
    ],
    ids=["by time", "by version as a number", "by place", "readable time"],
)
@pytest.mark.parametrize("in_order", [True, False])
def test_of_two_versions_in_one_extract_the_newer_counts(
    holdings: Holdings, tmp_path: Path, first: dict[str, Any], second: dict[str, Any], in_order: bool
) -> None:
    """As in acceptance (docs/architecture.md): time, then whole-number version, then the later line."""
    by_place = first["meta"]["versionId"] == "a"
    came(holdings, tmp_path, *((first, second) if in_order or by_place else (second, first)))
    row = holdings.sql.execute("SELECT at, size FROM came").fetchone()
    line = (tmp_path / "came" / "Encounter.000.ndjson").read_bytes()[row[0] :][: row[1]]
    assert json.loads(line)["status"] == "new"


def test_what_came_wins_over_what_is_held_whatever_its_time(holdings: Holdings, tmp_path: Path) -> None:
    """A server that was restored, or whose clock went back, has the state it has."""
    held(holdings, tmp_path, encounter("x", "5", "2026-06-01T00:00:00Z"))
    came(holdings, tmp_path, encounter("x", "3", "2026-01-01T00:00:00Z"))
    assert settled(holdings) == (["x"], Applied(1, 0, 1, 0, 0, 0, 1))


def test_what_is_read_twice_counts_once(holdings: Holdings, tmp_path: Path) -> None:
    """A delta grows while it is read: each line is taken in once."""
    came(holdings, tmp_path, encounter("a"))
    came(holdings, tmp_path, encounter("b"))
    assert holdings.sql.execute("SELECT count(*), max(at) > 0 FROM came").fetchone() == (2, 1)


def test_a_line_without_an_id_is_itself(holdings: Holdings, tmp_path: Path) -> None:
    folder = tmp_path / "came"
    folder.mkdir()
    (folder / "Encounter.000.ndjson").write_bytes(b'{"resourceType":"Encounter"}\n{broken\n\xff\n{broken\n')
    holdings.take([folder])
    assert len(holdings.ids("SELECT key FROM came")) == 3
    assert all(key.startswith("#") for key in holdings.ids("SELECT key FROM came"))


def test_tables_of_another_extract_are_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "tables.sqlite"
    for made_for, before in (("one", None), ("one", 7), ("two", None)):
        holdings = Holdings(path, made_for)
        assert holdings.said("number") == before
        holdings.say("number", 7)
        holdings.close()
    path.write_bytes(b"no database")
    holdings = Holdings(path, "two")
    assert holdings.said("number") is None
    holdings.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_transaction_that_fails_leaves_nothing(holdings: Holdings) -> None:
    def failing() -> None:
        with holdings.together():
            holdings.say("number", 7)
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert holdings.said("number") is None

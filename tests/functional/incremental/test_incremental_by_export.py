"""Incremental extracts of a site that exports: what changed by ``_since``, the rest by search.

Oracle: a fresh whole export from the same server, after each step of random histories; for what is asked, the Bulk Data
guide (STU 2), read from the requests the server got.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from flows.landing.manifest import Manifest
from flows.sandbox.bulk.settings import BulkSettings
from flows.sites import Site
from tests.fixtures.changing_hospital import COHORT, OVERLAP_S, POPULATION
from tests.functional.incremental.conftest import Ward
from tests.functional.incremental.test_incremental_equals_full import HISTORIES, follow
from tests.functional.incremental.test_incremental_rules import DAY, applied, warned
from tests.functional.incremental.test_incremental_servers import edited

KINDS = {
    "cohort": (COHORT, {}, {}, True),
    "population": (POPULATION, {}, {}, True),
    "all patients": (COHORT, {}, {"bulk": {"level": "patient"}}, True),
    "deletions by the export alone": (COHORT, {"deletions": "export"}, {}, False),
    "population, deletions by the export alone": (POPULATION, {"deletions": "export"}, {}, False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_snapshot_after_each_step_is_a_fresh_export(kind: str, wards: Callable[..., Ward]) -> None:
    plan, settings, more, far = KINDS[kind]
    happened: Counter[str] = Counter()
    for seed in range(HISTORIES):
        ward = wards(plan, overlap_s=OVERLAP_S, **settings)
        ward.more = {"method": "bulk", **more}
        happened += follow(ward, seed, far)
    assert set(happened) >= {"added", "changed", "deleted", "since"}
    print(dict(happened))


@dataclass
class Door:
    """What stands before the server: remembers what is asked, and refuses (``status``) what ``shut`` says."""

    shut: Callable[[str, str], bool] = lambda path, query: False
    status: int = 400
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, app: Any) -> Any:
        async def through(scope: Any, receive: Any, send: Any) -> None:
            path, query = scope["path"].removeprefix("/fhir"), scope["query_string"].decode()
            self.asked.append((path, query))
            if not self.shut(path, query):
                await app(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": self.status, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

        return through

    def exports(self) -> list[dict[str, list[str]]]:
        """The parameters of each kick-off since the last time."""
        asked = [parse_qs(query) for path, query in self.asked if path.endswith("$export")]
        self.asked.clear()
        return asked


@pytest.fixture
def behind(wards: Callable[..., Ward]) -> Callable[..., Ward]:
    """Makes a ward of two patients behind a door, exported once."""

    def make(door: Door, more: dict[str, Any] | None = None, **settings: Any) -> Ward:
        ward = wards(wrap=door, **settings)
        ward.more = {"method": "bulk", **(more or {})}
        ward.screen("p1", "p2")
        assert ward.since().complete
        assert ward.landed() == ward.whole()
        door.asked.clear()
        return ward

    return make


def since_of(manifest: Manifest) -> dict[str, str]:
    assert manifest.incremental is not None
    (last,) = manifest.incremental["applied"]
    return dict(last["since"])


def test_an_export_asks_from_the_earliest_watermark(behind: Callable[..., Ward]) -> None:
    door = Door()
    ward = behind(door)
    marks = ward.state.watermarks
    edited(ward)
    manifest = ward.since()
    (asked,) = door.exports()
    assert asked["_since"] == [min(marks.values())]
    assert since_of(manifest) == marks
    assert warned(manifest, "refetched") == []
    assert applied(manifest) == {"Encounter": {"added": 1, "changed": 1, "deleted": 1}}
    assert ward.landed() == ward.whole()


def test_a_watermark_is_no_later_than_the_transaction_time(behind: Callable[..., Ward]) -> None:
    ward = behind(Door(), overlap_s=OVERLAP_S)
    ward.server.clock.advance(DAY)
    assert ward.since().complete
    transaction = ward.state.server_time
    assert transaction
    assert all(mark < transaction for mark in ward.state.watermarks.values())


def test_a_server_that_names_no_deletions_loses_none(behind: Callable[..., Ward]) -> None:
    """HAPI's manifests have no ``deleted``."""
    ward = behind(Door(), bulk=BulkSettings(polls=0, deleted=False, empty_lists=False))
    edited(ward)
    assert applied(ward.since()) == {"Encounter": {"added": 1, "changed": 1, "deleted": 1}}
    assert ward.landed() == ward.whole()


def test_a_patient_who_is_new_comes_whole(behind: Callable[..., Ward]) -> None:
    """Resources that lay on the server before their patient had an index event are in no export of changes."""
    ward = behind(Door())
    ward.put("Patient", "p3")
    ward.put("Encounter", "long-ago", patient="p3")
    ward.since()
    ward.server.clock.advance(30 * DAY)
    ward.since()
    ward.server.clock.advance(DAY)
    ward.put("Procedure", "act-p3", patient="p3", code="act", performedDateTime="2021-05-05")
    assert applied(ward.since())["Encounter"] == {"added": 1}
    assert ward.landed() == ward.whole()


def test_deletions_by_the_export_alone_ask_for_no_lists(behind: Callable[..., Ward]) -> None:
    door = Door()
    ward = behind(door, deletions="export")
    edited(ward)
    manifest = ward.since()
    assert not [query for _, query in door.asked if "_elements" in query]
    assert applied(manifest) == {"Encounter": {"added": 1, "changed": 1, "deleted": 1}}
    assert ward.landed() == ward.whole()


@pytest.mark.parametrize("deletions", ["id-lists", "export"])
def test_a_server_that_will_not_export_changes_is_searched(deletions: str, behind: Callable[..., Ward]) -> None:
    ward = behind(Door(lambda path, query: path.endswith("$export") and "_since" in query), deletions=deletions)
    edited(ward)
    manifest = ward.since()
    assert warned(manifest, "searched-instead") == [{"what": "the export of changes", "reason": "http-400"}]
    assert applied(manifest) == {"Encounter": {"added": 1, "changed": 1, "deleted": 1}}
    assert ward.landed() == ward.whole()


def test_a_client_that_may_not_search_exports_whole(behind: Callable[..., Ward]) -> None:
    door = Door(lambda path, query: path in ("/Procedure", "/Patient", "/Encounter"), status=403)
    ward = behind(door)
    edited(ward)
    manifest = ward.since()
    assert {each["reason"] for each in warned(manifest, "refetched")} == {"search-refused"}
    assert "_since" not in door.exports()[-1]
    assert applied(manifest) == {"Encounter": {"added": 1, "changed": 1, "deleted": 1}}
    assert ward.landed() == ward.whole()


def test_a_group_is_exported_whole(behind: Callable[..., Ward]) -> None:
    ward = behind(Door())
    members = [{"entity": {"reference": f"Patient/{name}"}} for name in ("p1", "p2")]
    ward.server.put({"resourceType": "Group", "id": "g", "member": members})
    ward.more = {"method": "bulk", "group": "g"}
    ward.folder = ward.folder / "group"
    assert ward.since().complete
    edited(ward)
    manifest = ward.since()
    assert {each["reason"] for each in warned(manifest, "refetched")} == {"group"}
    assert ward.landed() == ward.whole()


def test_deletions_by_export_are_of_bulk_sites_only() -> None:
    given = {"id": "north", "base": "http://localhost/fhir", "incremental": {"deletions": "export"}}
    with pytest.raises(ValueError, match='deletions = "export" only with method = "bulk"'):
        Site.model_validate(given)
    assert Site.model_validate({**given, "method": "bulk"}).incremental.deletions == "export"


def test_what_changed_and_is_not_referred_to_any_more_leaves(behind: Callable[..., Ward]) -> None:
    """That it came with the export does not make it stay."""
    ward = behind(Door())
    ward.server.clock.advance(DAY)
    ward.put("Device", "of-p1", language="fr")
    ward.put("Procedure", "act-p1", patient="p1", code="act", performedDateTime="2021-05-05")
    assert applied(ward.since())["Device"] == {"unreferenced": 1}
    assert ward.landed() == ward.whole()


def test_what_changed_of_a_patient_who_left_leaves(behind: Callable[..., Ward]) -> None:
    ward = behind(Door())
    ward.server.clock.advance(DAY)
    ward.put("Encounter", "seen-p1", patient="p1", status="finished")
    ward.put("Procedure", "act-p1", patient="p1", code="other", performedDateTime="2021-05-05")
    assert applied(ward.since())["Encounter"] == {"left": 1}
    assert ward.landed() == ward.whole()

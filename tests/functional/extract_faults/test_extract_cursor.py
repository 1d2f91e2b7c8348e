"""Servers that give only so many resources of one search (Medplum 10,000, 1upHealth 9,990). Oracle: what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from analysis.arrival import Arrival
from analysis.plan import Plan, Search
from flows.landing.manifest import Manifest
from tests.unit.client.hospital import assert_balanced, extract, landed
from tests.unit.client.scripted_server import CAPABILITY, Answer, Asked, ScriptedServer, bundle, observation

PLAN = Plan("all", "population", (Search("population", "Observation", (), "", Arrival("Observation"), ""),))
CAP, PAGE = 6, 2


def held(n: int = 20) -> list[dict[str, Any]]:
    """Resources changed one after the other, now and then three at once."""
    made = []
    for k in range(n):
        resource = observation(f"o{k}")
        resource["meta"]["lastUpdated"] = f"2024-01-{1 + k - k % 3:02}T00:00:00.000+00:00"
        made.append(resource)
    return made


class Capped:
    """Answers searches of Observation by offset, up to ``CAP`` of each; ``how`` it ends there may be chosen.

    What is ``withheld`` counts in the total and comes on no page. ``repeats``: so many entries of a page come on the
    next one too.
    """

    def __init__(
        self, server: ScriptedServer, how: str, sorts: bool = True, withheld: str = "", repeats: int = 0
    ) -> None:
        self.repeats = repeats
        self.base, self.how, self.sorts, self.withheld = server.base, how, sorts, withheld
        self.deleted: set[str] = set()

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/fhir/metadata":
            return CAPABILITY
        given = dict(asked.parameters)
        since, offset = given.get("_lastUpdated", "ge")[2:], int(given.get("_offset", 0))
        here = [each for each in held() if each["id"] not in self.deleted]
        found = [each for each in here if each["meta"]["lastUpdated"] >= since]
        if not self.sorts:
            found.sort(key=lambda each: each["id"][::-1])
        if self.how == "refuses" and offset >= CAP:
            return Answer(400)
        more = offset + PAGE < len(found) and not (self.how == "ends" and offset + PAGE >= CAP)
        link = f"{self.base}/Observation?{urlencode({**given, '_offset': offset + PAGE})}" if more else None
        self_link = f"{self.base}/Observation?{urlencode(given)}"
        page = [each for each in found[max(0, offset - self.repeats) : offset + PAGE] if each["id"] != self.withheld]
        return bundle(page, link, self_link=self_link, total=len(found))


def extracted(server: ScriptedServer, folder: Path, cursor: bool) -> Manifest:
    manifest = extract(server, folder, PLAN, search={"cursor": cursor})
    assert_balanced(manifest, folder)
    return manifest


@pytest.mark.parametrize("how", ["refuses", "ends"])
def test_goes_on_from_the_newest_seen(server: ScriptedServer, folder: Path, how: str) -> None:
    server.answer = Capped(server, how)
    manifest = extracted(server, folder, cursor=True)
    assert (manifest.complete, manifest.missing) == (True, ())
    assert [each["id"] for each in landed(folder)["Observation"]] == [each["id"] for each in held()]


@pytest.mark.parametrize(("how", "reason"), [("refuses", "http-400"), ("ends", "fewer-than-total")])
def test_without_it_what_is_missing_is_named(server: ScriptedServer, folder: Path, how: str, reason: str) -> None:
    server.answer = Capped(server, how)
    manifest = extracted(server, folder, cursor=False)
    assert [(each.type, each.reason) for each in manifest.missing] == [("Observation", reason)]
    assert len(landed(folder)["Observation"]) == CAP


@pytest.mark.parametrize(("how", "reason"), [("refuses", "http-400"), ("ends", "fewer-than-total")])
def test_a_server_that_does_not_sort_is_not_believed(
    server: ScriptedServer, folder: Path, how: str, reason: str
) -> None:
    server.answer = Capped(server, how, sorts=False)
    manifest = extracted(server, folder, cursor=True)
    assert [(each.type, each.reason) for each in manifest.missing] == [("Observation", reason)]


@pytest.mark.parametrize("how", ["refuses", "ends"])
@pytest.mark.parametrize("withheld", ["o1", "o4", "o9", "o19"])
def test_what_comes_on_no_page_is_missing_in_whichever_part_it_lies(
    server: ScriptedServer, folder: Path, how: str, withheld: str
) -> None:
    server.answer = Capped(server, how, withheld=withheld)
    manifest = extracted(server, folder, cursor=True)
    assert {(each.type, each.reason) for each in manifest.missing} == {("Observation", "fewer-than-total")}
    assert len(landed(folder)["Observation"]) == len(held()) - 1


def test_what_is_deleted_meanwhile_is_not_missing(server: ScriptedServer, folder: Path) -> None:
    capped = Capped(server, "ends")
    asked: list[int] = []

    def without_one(request: Asked) -> Answer:
        if request.path == "/fhir/Observation":
            asked.append(1)
            capped.deleted = {"o19"} if len(asked) > 2 else set()
        return capped(request)

    server.answer = without_one
    manifest = extracted(server, folder, cursor=True)
    assert (manifest.complete, manifest.missing) == (True, ())
    assert len(landed(folder)["Observation"]) == len(held()) - 1


@pytest.mark.parametrize("how", ["refuses", "ends"])
def test_a_server_that_repeats_the_end_of_a_page_on_the_next_has_sorted(
    server: ScriptedServer, folder: Path, how: str
) -> None:
    server.answer = Capped(server, how, repeats=1)
    manifest = extracted(server, folder, cursor=True)
    assert (manifest.complete, manifest.missing) == (True, ())
    assert [each["id"] for each in landed(folder)["Observation"]] == [each["id"] for each in held()]


def test_a_server_that_ends_nothing_early_is_asked_once_more(server: ScriptedServer, folder: Path) -> None:
    server.answer = Capped(server, "neither")
    manifest = extracted(server, folder, cursor=True)
    assert manifest.complete
    assert manifest.types["Observation"].searches == 2

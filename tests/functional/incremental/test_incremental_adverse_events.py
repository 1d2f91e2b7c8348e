"""AdverseEvent resources by what changed. Oracle: a fresh extract of everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.fixtures.adverse_event_study import adverse_event, adverse_event_plan
from tests.fixtures.stents import stent_hospital
from tests.functional.incremental.conftest import Ward

DAY = 86_400


def test_events_that_come_change_and_go_are_as_in_a_fresh_extract(wards: Callable[..., Ward], tmp_path: Path) -> None:
    ward = wards(adverse_event_plan())
    folder = stent_hospital(tmp_path / "in", {"s1": {"arm": "BARE-1"}, "s2": {"arm": "BARE-1"}})
    for file in sorted(folder.glob("*.ndjson")):
        for line in file.read_bytes().splitlines():
            ward.server.put(json.loads(line))
    for id_, subject, code in (("a1", "s1", "BLEED"), ("a2", "s2", "RASH"), ("a3", "s2", "BLEED")):
        ward.server.put(adverse_event(id_, f"Patient/{subject}", code))
    ward.since()
    assert ward.ids("AdverseEvent") == ["a1", "a3"]
    assert ward.landed() == ward.whole()

    ward.server.clock.advance(DAY)
    ward.server.put(adverse_event("a2", "Patient/s2", "BLEED"))  # another code than before
    ward.server.put(adverse_event("a3", "Patient/s2", "RASH"))
    ward.server.put(adverse_event("a4", "Patient/s1", "BLEED"))
    ward.since()
    assert ward.ids("AdverseEvent") == ["a1", "a2", "a4"]
    assert ward.landed() == ward.whole()

    ward.server.clock.advance(DAY)
    ward.server.delete("AdverseEvent", "a1")
    ward.since()
    assert ward.ids("AdverseEvent") == ["a2", "a4"]
    assert ward.landed() == ward.whole()

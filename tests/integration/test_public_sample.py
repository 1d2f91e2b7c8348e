"""All of the public sample through extract, acceptance, mapping and checks. Oracle: the sample's own COUNTS.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.sandbox.server import serve
from tests.integration.command import STUDIES, bedside_run

pytestmark = [pytest.mark.shared, pytest.mark.timeout(900)]


def test_every_resource_of_the_public_sample_is_accounted_for(shared: Path, tmp_path: Path) -> None:
    said = json.loads((shared / "synthea" / "COUNTS.json").read_text())
    counts = {name: of_type["count"] for name, of_type in said.items()}
    with serve(shared / "synthea") as base:
        run = bedside_run(STUDIES / "public-sample", base, tmp_path)
    assert run.landed() == counts
    assert sum(counts.values()) == 143_295
    ledger = run.read("ledger.json")
    assert ledger["balanced"] is True
    assert run.accepted() == counts
    (views,) = ledger["views"].values()
    for name, view in views.items():
        assert view["accepted"] == view["with_rows"] + view["removed_by_where"] + view["empty_for_each"], name
    assert views["observation"]["with_rows"] == counts["Observation"]
    assert views["procedure"]["with_rows"] == counts["Procedure"]
    without_view = (
        "DiagnosticReport",
        "Location",
        "MedicationRequest",
        "Organization",
        "Practitioner",
        "PractitionerRole",
    )
    assert run.read("run.json")["types_without_view"] == {name: counts[name] for name in without_view}

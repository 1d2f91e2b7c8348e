"""All of the public sample accepted under both judges. Oracle: the models alone, and the sample's own COUNTS.json."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from flows.acceptance import accept
from flows.acceptance.judges import JudgeName, judge_of

pytestmark = [pytest.mark.shared, pytest.mark.timeout(900)]


def test_both_judges_leave_the_same_bytes_of_every_resource(shared: Path, tmp_path: Path) -> None:
    landing = tmp_path / "landing" / "sample"
    landing.mkdir(parents=True)
    for path in sorted((shared / "synthea").glob("*.ndjson.gz")):
        (landing / path.name.replace(".ndjson.gz", ".000.ndjson")).write_bytes(gzip.decompress(path.read_bytes()))
    left: dict[str, dict[str, bytes]] = {}
    counts = {}
    judges: tuple[JudgeName, ...] = ("fast", "models")
    for judge in judges:
        out = tmp_path / judge
        counts[judge] = accept(
            landing.parent, out / "accepted", out / "quarantine", os.cpu_count() or 1, new_judge=judge_of(judge)
        )
        left[judge] = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    assert counts["fast"].as_json() == counts["models"].as_json()
    assert left["fast"] == left["models"]
    said = {name: one["count"] for name, one in json.loads((shared / "synthea" / "COUNTS.json").read_text()).items()}
    assert {name: one.accepted for name, one in counts["fast"].sites["sample"].types.items()} == said
    assert counts["fast"].accepted == 143_295

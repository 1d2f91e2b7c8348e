"""The benchmark's resources. Oracle: fhir.resources' R4B models, and the generator's own promises."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from benchmarks.mapping import resources


@pytest.mark.parametrize("type_", resources.TYPES)
def test_resources_are_valid_fhir(type_: str) -> None:
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{type_.lower()}"), type_)
    for line in resources.block(type_, 0, 50).splitlines():
        assert model.model_validate_json(line).id == json.loads(line)["id"]


def test_a_smaller_file_begins_a_larger_one(tmp_path: Path) -> None:
    small, large = (resources.file(tmp_path, "Observation", size) for size in (40, 60))
    assert large.read_bytes().startswith(small.read_bytes())
    assert len(large.read_bytes().splitlines()) == 60
    assert resources.file(tmp_path, "Observation", 40) == small


def test_another_block_holds_other_resources() -> None:
    ids = [json.loads(line)["id"] for n in (0, 1) for line in resources.block("Patient", n, 30).splitlines()]
    assert len(set(ids)) == 60

"""A hospital's server to misbehave, a folder to land in, and the secret that must not be seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.client.hospital import CANARY, Hospital
from tests.unit.client.scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as made:
        made.answer = Hospital(made)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "landing" / "north"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_TEST_TOKEN", CANARY)

"""The hospital behind tokens, for every test here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.token_ward import Open, ward_in


@pytest.fixture
def ward(tmp_path: Path) -> Open:
    """Opens the sandbox to whoever holds a token."""
    return ward_in(tmp_path)

"""Commands for running Bedside on a schedule."""

from __future__ import annotations

from typing import Any


def add_commands(app: Any) -> None:
    """Register these commands."""
    del app

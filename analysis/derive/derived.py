"""What the derivation hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Derived:
    """The frames of docs/architecture.md. ``variants`` holds, by id, the sets of those sensitivity analyses that need
    other data than the main one (a criterion dropped, a reason to censor added, partial dates put elsewhere);
    their own ``variants`` are empty. ``adtr`` is None without lesion measurements, ``adex`` without
    ``[treatment]``, ``adae`` without ``[adverse_events]``."""

    adsl: pd.DataFrame
    adrs: pd.DataFrame
    adtte: pd.DataFrame
    analysis_table: pd.DataFrame
    counts: pd.DataFrame
    variants: Mapping[str, Derived] = field(default_factory=dict)
    adtr: pd.DataFrame | None = None
    adex: pd.DataFrame | None = None
    adae: pd.DataFrame | None = None

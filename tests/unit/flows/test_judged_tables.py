"""Checks on tables as mapped, from counts to outcomes. Oracle: violations planted and counted by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd
import pytest

from analysis.study.own_checks import CheckRules, SiteCheckRules
from expectations import history
from expectations.catalogue import Asked, asked_of, catalogue
from flows.quality_counts import Counts
from flows.quality_tables import Judged, judge_tables
from tests.fixtures.raw_tables import clean_tables
from tests.unit.derive.hospital import study

TODAY = date(2024, 6, 1)
SITES = ("north", "south")


def own(column: str, regex: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "own_one", "table": "observation", "category": "completeness", "reason": "r", "consequence": "c",
        "rule": {"kind": "matches", "column": column, "regex": regex}, **more,
    }  # fmt: skip

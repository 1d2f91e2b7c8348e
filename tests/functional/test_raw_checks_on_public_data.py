"""What the raw checks say of the public Synthea sample. Oracle: the findings as docs/quality-checks.md explains them,
each looked up in the sample's own resources."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import ibis
import pytest

from expectations.catalogue import raw_checks
from expectations.model import Finding
from expectations.outcomes import status
from expectations.raw import table_findings
from mappings.catalogue import standard_views
from mappings.compiler import compile_view
from tests.conftest import REPOSITORY, SHARED

SAMPLE = SHARED / "synthea"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLE.is_dir(), reason="the shared folder is not beside the repository"),
]
DAY_OF_THE_SAMPLE = date(2026, 1, 1)
PAGE = REPOSITORY / "docs" / "quality-checks.md"
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([0-9,]+) of ([0-9,]+) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    con = ibis.duckdb.connect()
    tables = {}
    for name, view in standard_views().items():
        file: Path = SAMPLE / f"{view.resource}.ndjson.gz"
        rows = compile_view(view).relation(con, [str(file)] if file.exists() else [])
        tables[name] = con.create_table(name, rows.mutate(site=ibis.literal("synthea")).relocate("site"), temp=True)
    return table_findings(tables, DAY_OF_THE_SAMPLE)


def test_the_page_explains_every_finding_and_no_other(findings: list[Finding]) -> None:
    section = PAGE.read_text(encoding="utf-8").split("### The public Synthea sample", 1)[1].split("\n## ", 1)[0]
    said = {(c, t): (int(n.replace(",", "")), int(m.replace(",", ""))) for c, t, n, m in _ROW.findall(section)}
    assert said == {(f.check_id, f.table): (f.numerator, f.denominator) for f in findings if f.numerator}


def test_no_finding_there_is_more_than_its_check_accepts(findings: list[Finding]) -> None:
    accepted = {check.id: check.threshold for check in raw_checks()}
    assert {f.check_id for f in findings if status(accepted[f.check_id], f) == "FAIL"} == set()


def test_every_view_of_the_sample_is_judged(findings: list[Finding]) -> None:
    assert {f.table for f in findings if f.denominator} == {
        "patient", "condition", "procedure", "observation", "observation_component", "imaging_study", "encounter",
        "device", "medication",
    }  # fmt: skip

"""Bedside, the whole command: ``bedside extract`` as a user types it, with the start of Python and with acceptance,
which judges every resource against the models of FHIR. No other contender looks at what it fetched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.extract.asked import Asked

PACKAGES = ("bedside", "msgspec", "fhir.resources")
_STUDY = """\
[study]
id = "bench"
title = "bench"
protocol = { version = "1", date = 2026-01-01, registration = "none", ethics = "not needed: synthetic data" }
design = "none: extraction only"
data = "synthetic"

[population]
types = %s
"""
_SITES = """\
[[site]]
id = "bench"
base = "%s"
page_size = %d
limits = { parallel = %d }
"""


def fetch(asked: Asked) -> None:
    """Leave the landing folder of the run."""
    study, runs = asked.out / "study", asked.out / "runs"
    study.mkdir()
    (study / "study.toml").write_text(_STUDY % json.dumps(asked.types))
    (study / "sites.toml").write_text(_SITES % (asked.base, asked.page_size, asked.threads))
    bedside = Path(sys.prefix) / "bin" / "bedside"
    try:
        done = subprocess.run([str(bedside), "extract", str(study), "--runs", str(runs)], check=False)
        for landing in runs.glob("bench/*/landing/bench"):
            if not landing.parents[1].is_symlink():
                landing.rename(asked.out / "landing")
    finally:
        shutil.rmtree(runs, ignore_errors=True)
    if done.returncode:
        raise SystemExit(done.returncode)

"""``bedside run`` as a person would call it, and what a finished run folder says."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STUDIES = Path(__file__).resolve().parent / "studies"
BEDSIDE = Path(sys.executable).with_name("bedside")


@dataclass(frozen=True)
class Run:
    """A finished run of the command line."""

    folder: Path

    def read(self, name: str) -> Any:
        """A JSON file of the run folder."""
        return json.loads((self.folder / name).read_bytes())

    def landed(self) -> dict[str, int]:
        """Resources landed by type, all sites together, types without any left out."""
        return self._counted("landed")

    def accepted(self) -> dict[str, int]:
        """Resources accepted by type, likewise."""
        return self._counted("accepted")

    def _counted(self, what: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for site in self.read("ledger.json")["types"].values():
            for resource_type, counts in site.items():
                if counts[what]:
                    found[resource_type] = found.get(resource_type, 0) + counts[what]
        return found


def bedside_run(study: Path, source: str, runs: Path) -> Run:
    """``bedside run`` to its end, which must be exit 0."""
    options = ["--source", source, "--runs", str(runs), "--direct", "--fresh", "--json"]
    command = [str(BEDSIDE), "run", str(study), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return Run(Path(json.loads(done.stdout)["run"]))

"""Measures acceptance on the public sample of the shared folder.

    .venv/bin/python -m benchmarks.acceptance [--rounds 5] [--sample FOLDER] [--no-write]

Results go to benchmarks/acceptance/results.json and docs/performance-acceptance.md. Minutes, on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.acceptance.measure import acceptances_in_rounds, judges_in_rounds, read_sample
from benchmarks.acceptance.page import write_page
from benchmarks.acceptance.summary import ROUNDS, summarise
from benchmarks.shared.machine import facts

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
KINDS = [("fast", 2), ("models", 2), ("fast", 1)]
PACKAGES = ("fhir.resources", "fhir-core", "pydantic", "jsonschema-rs", "orjson")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each")
    parser.add_argument("--sample", type=Path, default=REPOSITORY.parent / "shared" / "synthea")
    parser.add_argument("--no-write", action="store_true", help="only print the page")
    asked = parser.parse_args()
    lines = read_sample(asked.sample)
    if not lines:
        parser.error(f"no sample in {asked.sample}")
    accepted = acceptances_in_rounds(lines, KINDS, asked.rounds, _say)
    judged = judges_in_rounds(lines, asked.rounds, _say)
    results = summarise(
        judged,
        accepted,
        {type_: len(of_type) for type_, of_type in lines.items()},
        {type_: sum(map(len, of_type)) + len(of_type) for type_, of_type in lines.items()},
        facts(),
        {name: version(name) for name in PACKAGES},
    )
    page = write_page(results)
    if asked.no_write:
        print(page)
        return
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (REPOSITORY / "docs" / "performance-acceptance.md").write_text(page)
    _say("written: benchmarks/acceptance/results.json, docs/performance-acceptance.md")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

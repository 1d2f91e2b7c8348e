"""What people are told of a manifest's warnings. Oracle: docs/extraction.md's list of codes, a sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flows.landing.manifest import Manifest
from flows.landing.notices import warning_lines

EACH: dict[str, tuple[list[dict[str, Any]], str]] = {
    "scopes-not-granted": (
        [{"scopes": ["system/Device.read"]}],
        "scopes not granted: system/Device.read",
    ),
    "parameter-not-applied": (
        [
            {"type": "Observation", "search": 3, "parameters": ["code", "date"]},
            {"type": "Observation", "search": 4, "parameters": ["code"]},
            {"type": "", "search": 0, "parameters": ["_typeFilter"]},
        ],
        "not applied by the server, so looked at here: "
        "_typeFilter of the export 1, code of Observation 2, date of Observation 1",
    ),
    "begun-again": (
        [
            {"type": "Condition", "search": 2, "times": 1},
            {"type": "Condition", "search": 5, "times": 2},
            {"what": "the export", "times": 1},
        ],
        "begun again: Condition 3, the export 1",
    ),
    "more-than-count": (
        [{"what": "file 2 of 7", "n": 1200}],
        "more lines than the export's manifest says: file 2 of 7 1,200",
    ),
    "deleted": (
        [{"type": "Patient", "n": 1}, {"type": "Observation", "n": 2}],
        "deleted on the server, as the export says: Observation 2, Patient 1",
    ),
    "index-without-patient": ([{"n": 2}], "index events that name no patient who could be asked for: 2"),
    "not-found-by-id": ([{"type": "Device", "n": 3}], "asked for by id and not there: Device 3"),
    "not-fhir": (
        [{"what": "file 1 of 5"}, {"what": "file 3 of 5"}],
        "JSON documents that are no FHIR resource: 2",
    ),
    "refetched": (
        [
            {"type": "Encounter", "reason": "no-history"},
            {"type": "Device", "reason": "bulk"},
            {"type": "Patient", "reason": "no-history"},
        ],
        "asked for whole (no-history): Encounter, Patient|asked for whole (bulk): Device",
    ),
    "merged-patients": (
        [{"n": 2, "resources": 1500, "with_survivor": 1}],
        "2 patients were merged into others and are still named by 1,500 resources; "
        "1 are in the cohort beside whom they were merged into",
    ),
    "searched-instead": (
        [{"what": "the export of changes", "reason": "http-400"}],
        "searched instead of the export of changes (http-400)",
    ),
    "of-a-later-version": ([{"type": "Patient"}], "of-a-later-version: 1"),
}


def made(warnings: Iterable[dict[str, Any]] = (), outcomes: Iterable[dict[str, Any]] = ()) -> Manifest:
    return Manifest("north", "search", "cohort", "", "", True, 1, (), {}, (), tuple(outcomes), tuple(warnings))


@pytest.mark.parametrize("code", EACH)
def test_each_warning_has_its_sentence(code: str) -> None:
    warnings, sentences = EACH[code]
    manifest = made({"code": code, **warning} for warning in warnings)
    assert warning_lines(manifest) == [f"north: {sentence}" for sentence in sentences.split("|")]


def test_every_code_of_the_documentation_is_here(repository: Path) -> None:
    text = (repository / "docs" / "extraction.md").read_text()
    listed = text[text.index("`warnings` do not make") :].split("\n\n")[0]
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", listed)) - {"warnings"} <= EACH.keys()


def test_outcomes_are_counted_by_severity_and_code() -> None:
    one = {"severity": "warning", "code": "processing", "type": "Patient", "search": 1}
    manifest = made(outcomes=(one, one, {**one, "code": "incomplete"}))
    said = "the server said beside its answers: warning incomplete 1, warning processing 2"
    assert warning_lines(manifest) == [f"north: {said}"]


def test_nothing_to_say() -> None:
    assert warning_lines(made()) == []

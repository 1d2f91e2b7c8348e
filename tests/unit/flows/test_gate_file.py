"""``quality.toml``. Oracle: the words of docs/quality-checks.md on overrides and acknowledgements."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows.gate_file import GATE_FILE, GateFile, read_gate_file
from mappings.errors import DefinitionError

TODAY = date(2026, 11, 27)
CHECKS = {"resource_id_unique": None}
WHOLE = """
[[override]]
check = "resource_id_unique"
site = "north"
name = "Dr A. Example"
reason = "the server is being mended"
expires = 2026-12-31

[[acknowledged]]
check = "resource_id_unique"
name = "B. Example"
note = "known"
until = 2027-01-31
"""


def read(folder: Path, text: str | None) -> GateFile:
    if text is not None:
        (folder / GATE_FILE).write_text(text, encoding="utf-8")
    return read_gate_file(folder, CHECKS, ("north", "south"), TODAY)


def test_without_a_file_nothing_is_overridden(tmp_path: Path) -> None:
    assert read(tmp_path, None) == GateFile()


def test_an_override_has_a_name_a_reason_and_a_day(tmp_path: Path) -> None:
    said = read(tmp_path, WHOLE)
    assert [str(one) for one in said.overrides] == ["Dr A. Example, until 2026-12-31: the server is being mended"]
    assert said.overrides[0].site == "north"
    assert [(one.name, one.note, one.until) for one in said.acknowledged] == [
        ("B. Example", "known", date(2027, 1, 31))
    ]


@pytest.mark.parametrize("key", ["name", "reason", "expires"])
def test_an_override_without_one_of_them_is_refused(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in WHOLE.splitlines() if not line.startswith(f"{key} ="))
    with pytest.raises(DefinitionError, match=key):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('check = "resource_id_unique"', 'check = "nowhere"', "no such check"),
        ('site = "north"', 'site = "west"', "no such site"),
        ('site = "north"', 'table = "nowhere"', "no such table, and no resource type"),
        ("expires = 2026-12-31", "expires = 2027-12-31", "more than a year ahead"),
        ('name = "Dr A. Example"', 'name = ""', "override"),
        ("[[override]]", "[[overide]]", "overide"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        read(tmp_path, WHOLE.replace(old, new))


def test_an_override_that_has_expired_is_no_fault(tmp_path: Path) -> None:
    said = read(tmp_path, WHOLE.replace("expires = 2026-12-31", "expires = 2025-01-01"))
    assert said.overrides[0].expires == date(2025, 1, 1)


def test_how_much_and_whether_errors_are_agreed_is_read(tmp_path: Path) -> None:
    said = read(tmp_path, WHOLE.replace("expires =", "up_to = 5\nerrors = true\nexpires ="))
    assert (said.overrides[0].up_to, said.overrides[0].errors) == (5, True)


def test_another_source_may_have_other_sites(tmp_path: Path) -> None:
    (tmp_path / GATE_FILE).write_text(WHOLE, encoding="utf-8")
    assert read_gate_file(tmp_path, CHECKS, None, TODAY).overrides[0].site == "north"

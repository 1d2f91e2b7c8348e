"""The catalogue as people read it. Oracle: the files of checks themselves."""

from __future__ import annotations

import json

from expectations.catalogue import catalogue
from tests.conftest import REPOSITORY
from tests.functional.conftest import command


def test_the_page_of_checks_holds_the_catalogue_as_the_command_prints_it() -> None:
    printed = command("quality", "catalogue", "--markdown").out
    assert printed in (REPOSITORY / "docs" / "quality-checks.md").read_text(encoding="utf-8")
    assert printed.count("\n") == len(catalogue()) + 2


def test_the_command_gives_every_check_with_all_it_says() -> None:
    said = json.loads(command("quality", "catalogue", "--json").out)["checks"]
    assert [one["id"] for one in said] == [check.id for check in catalogue()]
    text = command("quality", "catalogue").out
    for check in catalogue():
        assert check.id in text
        assert check.reason in text
        assert check.consequence in text

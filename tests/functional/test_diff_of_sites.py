"""Two runs of two hospitals beside each other; patients carry the same ids. Oracle: the resource edited at one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.derive.pseudonym import usubjid
from flows.job import PUBLIC_KEY
from flows.run_folder import RunFolder
from tests.fixtures.sample_runs import later_death, ran
from tests.functional.conftest import command, edited_copy

pytestmark = pytest.mark.xdist_group("release")

DEAD = "P02"


def _run(place: Path, north: Path, south: Path) -> RunFolder:
    sites = place / "sites.toml"
    sites.write_text(
        "".join(
            f'[[site]]\nid = "{site}"\ntimezone = "Asia/Shanghai"\nfolder = {json.dumps(str(folder))}\n'
            for site, folder in (("north", north), ("south", south))
        )
    )
    made = ran(place / "runs", "--sites", sites)
    assert made.said.code == 0, made.said.err
    return made.run


@pytest.fixture(scope="module")
def both(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    """Before, and after the south corrected the day of a death."""
    first, second = tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("after")
    before = _run(first, sample, sample)
    return before, _run(second, sample, edited_copy(sample, second / "south", {"Patient": later_death(DEAD)}))


def _compared(both: tuple[RunFolder, RunFolder], *more: str) -> Any:
    said = command("diff", both[0].root, both[1].root, "--json", *more)
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_the_subject_of_the_site_that_changed_differs_and_no_namesake(both: tuple[RunFolder, RunFolder]) -> None:
    found = _compared(both)
    (one,) = found["subjects"]
    assert one["usubjid"] == usubjid(PUBLIC_KEY, "south", DEAD) != usubjid(PUBLIC_KEY, "north", DEAD)
    assert [(what["kind"], what["text"]) for what in one["what"]] == [
        ("date", "OS from event (Death) at 426 days to event (Death) at 436 days")
    ]
    assert [(r["resource"], r["after"]) for r in one["resources"]] == [(f"Patient/{DEAD}", "2")]
    assert found["inputs"] == ["the sites file's site south has changed"]


def test_counts_are_of_both_sites_and_name_none(both: tuple[RunFolder, RunFolder]) -> None:
    found = _compared(both, "--counts")
    assert {kind: n for kind, n in found["counts"].items() if n} == {"date": 1}
    assert DEAD not in json.dumps(found)


def test_sites_that_gave_nothing_in_common_are_no_comparison(
    both: tuple[RunFolder, RunFolder], finished_run: RunFolder
) -> None:
    said = command("diff", finished_run.root, both[1].root)
    assert said.code == 2
    assert "no subject is in both runs" in said.err

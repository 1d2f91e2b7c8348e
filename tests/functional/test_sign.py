"""Signatures over a run's report: what they are over, and that any later change voids them.

Oracles: docs/release.md; the bytes of the page as it lay unsigned, whose SHA-256 a signature must hold.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.run_folder import RunFolder
from tests.fixtures.sample_runs import study_with
from tests.functional.conftest import Said, command, copy_run, only_run, run_study

pytestmark = pytest.mark.xdist_group("release")

BY, ROLE = "Dr. S. Signer", "statistician"
Edit = Callable[[RunFolder], object]


@pytest.fixture
def own(finished_run: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the finished run that a test may sign and spoil."""
    return copy_run(finished_run, tmp_path / "runs")


def sign(run: RunFolder, by: str = BY, role: str = ROLE) -> Said:
    return command("sign", run.root, "--by", by, "--role", role)


def signed(run: RunFolder) -> RunFolder:
    said = sign(run)
    assert said.code == 0, said.err
    return run


def status(run: RunFolder) -> Any:
    said = command("status", run.root, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def append(name: str) -> Edit:
    """An edit that adds a line end to a file of the run, which no reader of it would notice."""

    def edit(run: RunFolder) -> None:
        with next(run.root.glob(name)).open("ab") as file:
            file.write(b"\n")

    return edit


def test_a_signature_is_over_the_page_as_it_lay_unsigned(own: RunFolder) -> None:
    draft = hashlib.sha256(own.report.read_bytes()).hexdigest()
    assert status(own)["state"] == "DRAFT"
    said = signed(own)
    kept = json.loads((said.root / "signatures.json").read_text())["signatures"]
    assert [(one["by"], one["role"], one["hashes"]["report"]) for one in kept] == [(BY, ROLE, draft)]
    assert list(kept[0]["hashes"]["data"]) == ["yichang"]
    assert {"study.toml", "codes/tace.json"} <= set(kept[0]["hashes"]["study"])
    for name, sha in kept[0]["hashes"]["results"].items():
        assert sha == hashlib.sha256((own.results / name).read_bytes()).hexdigest(), name
    assert set(kept[0]["hashes"]["results"]) == {"results.csv", "results.parquet", "published.json"}
    assert stat.S_IMODE((own.root / "signatures.json").stat().st_mode) == 0o600


def test_the_signed_page_says_who_in_which_role_and_when_on_every_sheet(own: RunFolder) -> None:
    draft = own.report.read_text()
    assert sign(own).code == 0
    assert sign(own, by="Dr. C. Clinician", role="principal <investigator>").code == 0
    first, second = (one["at"] for one in status(own)["signatures"])
    page = own.report.read_text()
    who = f"by {BY} ({ROLE}) at {first}, by Dr. C. Clinician (principal &lt;investigator&gt;) at {second}"
    assert f"<b>SIGNED</b> {who}</p>" in page
    # What is printed on top of each sheet.
    running = page.partition('<div class="running"')[2].partition("</div>")[0]
    assert f"<b>SIGNED</b> {who} ·" in running
    assert "SYNTHETIC" in running
    assert "DRAFT" not in page
    # Nothing else on the page has moved.
    state = "nothing is signed yet"
    unsigned = page.replace(f"<b>SIGNED</b> {who} ·", "<b>DRAFT</b> ·").replace(who, state).replace("SIGNED", "DRAFT")
    assert unsigned.replace("state-signed", "state-draft") == draft


def test_the_same_steps_again_leave_a_signature_as_it_is(own: RunFolder) -> None:
    page = signed(own).report.read_bytes()
    for step in ("analyse", "report"):
        assert command(step, own.root).code == 0
    assert own.report.read_bytes() == page
    assert status(own)["state"] == "SIGNED"


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (append("results/results.csv"), "the results' file results.csv has changed"),
        (append("results/results.parquet"), "the results' file results.parquet has changed"),
        (lambda run: (run.results / "published.json").unlink(), "the results' file published.json is no longer there"),
        (append("landing/yichang/Patient.*.ndjson"), "the data of site yichang has changed"),
        (lambda run: next(run.landing("yichang").glob("Obs*")).unlink(), "the data of site yichang has changed"),
        (append("report/index.html"), "the report has changed"),
    ],
    ids=["csv", "parquet", "published", "landed", "landed-gone", "page"],
)
def test_a_change_voids_it_and_is_named(own: RunFolder, edit: Edit, reason: str) -> None:
    edit(signed(own))
    said = status(own)
    assert said["state"] == "DRAFT"
    assert [one["void"] for one in said["signatures"]] == [[reason]]
    assert f"the signature by {BY} ({ROLE}) at " in said["note"]
    assert said["note"].endswith(f" is void, since {reason}")


def test_the_report_says_that_a_signature_is_void_and_a_new_one_stands_beside_it(own: RunFolder) -> None:
    file = signed(own).results / "results.csv"
    text = file.read_text()
    moved = text.replace(
        "OS.events..DEB-TACE.n.,OS,DEB-TACE,events,,n,", "OS.events..DEB-TACE.n.,OS,DEB-TACE,events,,n,1"
    )
    assert moved != text
    file.write_text(moved)
    refused = sign(own, by="Another")
    assert refused.code == 2
    assert "the report is not what this Bedside makes of the results" in refused.err
    assert command("report", own.root).code == 0
    page = own.report.read_text()
    assert f"<b>DRAFT</b> the signature by {BY} ({ROLE}) at " in page
    assert "is void, since the results&#39; file results.csv has changed; the report has changed</p>" in page
    assert sign(own, by="Another", role="auditor").code == 0
    page = own.report.read_text()
    assert "<b>SIGNED</b> by Another (auditor) at " in page
    assert f"; the signature by {BY} ({ROLE}) at " in page


def test_a_change_of_the_study_voids_it(sample: Path, tmp_path: Path) -> None:
    study = study_with(tmp_path)
    assert run_study(tmp_path / "runs", "--source", sample, study=study).code == 0
    own = signed(only_run(tmp_path / "runs"))
    with (study / "codes" / "tace.json").open("ab") as file:
        file.write(b"\n")
    assert [one["void"] for one in status(own)["signatures"]] == [["the study's file codes/tace.json has changed"]]
    (study / "study.toml").unlink()
    said = status(own)
    assert said["state"] == "DRAFT"
    assert said["signatures"][0]["void"][0].startswith("the study can no longer be read: ")
    assert "says SIGNED" in command("status", own.root).err


def test_the_state_of_a_page_that_says_what_it_is_needs_no_word(own: RunFolder) -> None:
    assert "says SIGNED" not in command("status", own.root).err
    assert "says SIGNED" not in command("status", signed(own).root).err


def test_what_cannot_be_signed_is_refused_with_the_reason(own: RunFolder) -> None:
    assert "--by wants a name" in sign(own, by=" ").err
    assert "--role wants a name" in sign(own, role="two\nlines").err
    signed(own)
    twice = sign(own)
    assert twice.code == 2
    assert f"{BY} has signed this as {ROLE} already" in twice.err
    assert sign(own, role="principal investigator").code == 0
    append("report/index.html")(own)
    edited = sign(own, by="Another")
    assert edited.code == 2
    assert "is not the page that was written" in edited.err
    assert command("analyse", own.root).code == 0
    without = sign(own, by="Another")
    assert without.code == 2
    assert "there is no report to sign" in without.err
    (own.root / "signatures.json").write_text("[]")
    broken = command("status", own.root)
    assert broken.code == 2
    assert "holds no signatures of format 1" in broken.err

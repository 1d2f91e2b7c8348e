"""The command line as a person calls it, and the sample study as data: shared, because a whole run takes seconds.

``finished_run`` is made once and copied by whoever changes it.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows.entry import main
from flows.landing import connect
from flows.run_folder import RunFolder
from flows.sample import write_sample
from tests.conftest import REPOSITORY

STUDY = REPOSITORY / "studies" / "li2023"
Resource = dict[str, Any]
Edit = Callable[[list[Resource]], list[Resource]]


@dataclass(frozen=True)
class Said:
    """What one command said and its exit code."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def command(*arguments: object) -> Said:
    """Run ``bedside`` with these arguments in this process. A traceback, or a defect of ours, is never an answer."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    said = Said(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in said.text, said.text
    assert code != 70, said.err
    return said


def run_study(runs: Path, *arguments: object, study: Path = STUDY) -> Said:
    """``bedside run --direct`` into ``runs``."""
    return command("run", study, "--direct", "--runs", runs, *arguments)


def only_run(runs: Path) -> RunFolder:
    """The one run that lies in ``runs``."""
    (found,) = runs.glob("*/*/run.json")
    return RunFolder(found.parent)


def copy_run(run: RunFolder, to: Path) -> RunFolder:
    """A copy of a run that a test may spoil, in a runs folder of its own."""
    root = to / run.root.parent.name / run.root.name
    shutil.copytree(run.root, root)
    return RunFolder(root)


def edited_copy(data: Path, to: Path, edits: Mapping[str, Edit]) -> Path:
    """A copy of a folder of NDJSON with the resources of some types edited; untouched resources keep their bytes.

    An edit is given all resources of its type and returns those that are to be there.
    """
    shutil.copytree(data, to)
    for type_, edit in edits.items():
        file = to / f"{type_}.ndjson"
        lines = file.read_text(encoding="utf-8").splitlines()
        untouched = {json.dumps(json.loads(line)): line for line in lines}
        after = [json.dumps(resource) for resource in edit([json.loads(line) for line in lines])]
        file.write_text("".join(untouched.get(line, line) + "\n" for line in after), encoding="utf-8")
    return to


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``bedside sample li2023`` writes. Read only: ``edited_copy`` makes another."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample("li2023", folder)
    return folder


@pytest.fixture(scope="session")
def finished_run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The sample study, run to its end. Read only: ``copy_run`` makes another."""
    runs = tmp_path_factory.mktemp("finished")
    said = run_study(runs, "--source", sample)
    assert said.code == 0, said.err
    return only_run(runs)


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries as in real life, without the waits between them."""
    monkeypatch.setattr(connect, "connect", partial(connect.connect, sleep=lambda _: None))


@pytest.fixture
def view(tmp_path: Path) -> Path:
    """The view of the tests of ``bedside view``, as a file."""
    from tests.fixtures.view_inputs import VIEW, write

    return write(tmp_path / "results.json", json.dumps(VIEW))


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """The view of the tests of what `bedside view run` adds to rows, as a file."""
    from tests.fixtures.measured_view import VIEW
    from tests.fixtures.view_inputs import write

    return write(tmp_path / "measured.json", json.dumps(VIEW))


@pytest.fixture
def asked(tmp_path: Path) -> list[object]:
    """Everything it can be asked for, with the files that this needs in ``tmp_path``."""
    from tests.fixtures.measured_view import every_option

    return every_option(tmp_path)

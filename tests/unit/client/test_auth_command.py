"""A token that a command prints. Oracle: issue 5, point 3: an argument list, no shell, a timeout, and neither what it
writes to standard error nor its arguments are ever shown."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import pytest

from flows.client.auth.command import token_of
from mappings.errors import SourceError

CANARY = "canary-5ecret"


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text, CANARY]


def test_its_output_is_the_token_and_it_runs_in_the_folder_of_the_sites_file(tmp_path: Path) -> None:
    assert token_of(python("print('  abc.def  ')"), 60) == "abc.def"
    assert token_of(python("import os; print(os.getcwd())"), 60, tmp_path) == str(tmp_path)


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    odd = "$(touch made); `touch made`; touch made"
    assert token_of([sys.executable, "-c", "import sys; print(sys.argv[1])", odd], 60, tmp_path) == odd
    assert list(tmp_path.iterdir()) == []


def test_it_can_ask_nobody() -> None:
    assert token_of(python("import sys; print(repr(sys.stdin.read()))"), 60) == "''"
    terminal = "import os\ntry: os.open('/dev/tty', os.O_RDWR); print('a-terminal')\nexcept OSError: print('none')"
    assert token_of(python(terminal), 60) == "none"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (python(f"import sys; print('{CANARY}'); print('{CANARY}', file=sys.stderr); sys.exit(3)"), "exit code 3"),
        (python("pass"), "printed nothing"),
        (python(f"print('{CANARY}' * 10_000)"), "printed nothing that is one"),
        ([f"/no/such/{CANARY}"], "cannot be started"),
        ([f"a\0{CANARY}"], "cannot be started"),
    ],
    ids=["fails", "prints nothing", "prints too much", "is not there", "has no name"],
)
def test_a_command_without_a_token_is_exit_3_and_repeats_nothing(
    command: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        token_of(command, 60)
    assert CANARY not in "".join(traceback.format_exception(caught.value)).replace(__file__, "")
    assert caught.value.__context__ is None
    assert "".join(capfd.readouterr()) == ""


def test_a_command_that_does_not_end_is_ended_with_all_it_started(tmp_path: Path) -> None:
    """Both processes hold the writing end of a pipe, so its reading end is at its end only when both are gone."""
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(SourceError, match=r"no answer within 5 s"):
        token_of(["sh", "-c", "exec 3>pipe; echo started >&3; sleep 3600 & wait"], 5, tmp_path)
    os.set_blocking(reading, True)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"started\n"

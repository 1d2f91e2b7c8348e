"""A bearer token that a command prints, for instance a cloud's own command line."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mappings.errors import SourceError

_LONGEST = 65_536


def token_of(command: Sequence[str], timeout: float, folder: Path | None = None) -> str:
    """What a command writes to its standard output, without white space around it.

    It is run without a shell, without standard input and without a terminal, in ``folder`` (else where we are), and is
    ended with everything it started after ``timeout`` seconds. What it writes to standard error is thrown away, and no
    message repeats its arguments: both may hold a secret. Raises `SourceError`.
    """
    said: bytes | None = None
    code: int | None = None
    problem = "cannot be started"
    try:
        with subprocess.Popen(  # noqa: S603 - a list of arguments from the sites file, no shell
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            # A session of its own: no terminal to ask a person on, and one group to end.
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=timeout)
                code = process.returncode
            except subprocess.TimeoutExpired:
                problem = f"gave no answer within {timeout:g} s"
            finally:
                if code is None:
                    os.killpg(process.pid, signal.SIGKILL)
    except (OSError, ValueError):
        pass
    # Raised here and not above: the errors of subprocess hold the arguments and what was printed.
    if said is None or code is None:
        raise SourceError(f"the command of the sites file that prints the token {problem}")
    if code != 0:
        raise SourceError(f"the command of the sites file that prints the token ended with exit code {code}")
    token = said.decode("utf-8", "replace").strip() if len(said) <= _LONGEST else ""
    if not token:
        raise SourceError("the command of the sites file that prints the token printed nothing that is one")
    return token

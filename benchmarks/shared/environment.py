"""A virtual environment of a peer, made from its pinned requirement file in a bench's work folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

_UV_OPTIONS = ("--system-certs", "--quiet", "--compile-bytecode")


class NotHere(Exception):
    """This machine cannot run it; the text says why."""


def environment(wanted: Path, work: Path) -> Path:
    """The Python of the environment that the requirement file ``wanted`` describes, made when it is not there yet.

    Raises:
        NotHere: it cannot be installed.
    """
    folder = work / "environments" / f"{wanted.stem}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    python, done = folder / "bin" / "python", folder / "done"
    if done.exists():
        return python
    print(f"installing {wanted.stem}", file=sys.stderr, flush=True)
    uv = Path(sys.prefix) / "bin" / "uv"
    ways = [
        [
            [str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
            [str(uv), "pip", "install", *_UV_OPTIONS, "--python", str(python), "-r", str(wanted)],
        ],
        [
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)],
        ],
    ]
    for commands in ways if uv.exists() else ways[1:]:
        if all(subprocess.run(command, check=False).returncode == 0 for command in commands):
            done.touch()
            return python
    raise NotHere("could not be installed")

"""The bench's side of a worker: starts it, asks, listens, ends it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.mapping.contenders import Contender
from benchmarks.mapping.environments import java_home, python_of
from benchmarks.shared.environment import NotHere

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class Worker:
    """A contender on one view in a process of its own. ``started`` is the time from the call until it was ready."""

    def __init__(self, contender: Contender, view_file: Path, work: Path, cores: int) -> None:
        self.contender = contender
        python = python_of(contender, work)
        environment = {
            **os.environ,
            "BENCH_IVY": str(work / "ivy"),
            "PYTHONNOUSERSITE": "1",
            "PYTHONWARNINGS": "ignore",
        }
        if contender.spark:
            environment["JAVA_HOME"] = str(java_home(work))
        (work / "logs").mkdir(parents=True, exist_ok=True)
        self._log = (work / "logs" / f"{contender.name}.log").open("a")
        command = [*python, "-m", "benchmarks.mapping.worker", contender.module, str(view_file)]
        before = time.perf_counter()
        self._process = subprocess.Popen(
            [*command, str(contender.threads or cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=REPOSITORY,
            env=environment,
        )
        ready = self._answer()
        self.started = time.perf_counter() - before
        self.versions: dict[str, str] = ready["versions"]

    def run(self, file: Path) -> dict[str, Any]:
        """One query: seconds, rows, peak_bytes.

        Raises:
            NotHere: the engine failed; the text is its own.
        """
        return self._ask(["run", str(file)])

    def rows(self, file: Path, out: Path) -> dict[str, Any]:
        """One query whose rows are written in canonical form, with ``remarks``."""
        return self._ask(["rows", str(file), str(out)])

    def end(self) -> None:
        """Lets it go; a worker that does not is ended."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _ask(self, command: list[str]) -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise NotHere("ended by itself") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self.end()
            raise NotHere(f"ended by itself with code {self._process.returncode}")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise NotHere(f"{answer['failed']}: {answer['message']}")
        return answer

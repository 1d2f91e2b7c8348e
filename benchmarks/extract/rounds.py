"""Taking the measurements: contenders in turn, round by round, each run a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.extract import servers
from benchmarks.extract.contenders import Contender
from benchmarks.extract.data import TYPES
from benchmarks.extract.truth import Key, compare, left
from benchmarks.shared.environment import NotHere, environment
from benchmarks.shared.kept import Kept, Record

HERE = Path(__file__).resolve().parent
THREADS = 4
"""Searches at once, for Bedside and the plain downloads."""
SLOW_SECONDS = 10
SLOW_ROUNDS = 2
"""Who takes longer than SLOW_SECONDS is measured so often."""
FAULT_AT = 20


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Bench:
    """Runs contenders against a server and keeps what they took."""

    def __init__(self, work: Path, kept: Kept, rounds: int) -> None:
        self._work, self._kept, self._rounds = work, kept, rounds

    def measure(
        self, base: str, server: str, data: str, truth: set[Key], patients: Path, contenders: Sequence[Contender]
    ) -> None:
        """The rounds that are not there yet; ``server`` and ``data`` name what they are taken on."""
        say(f"{data} on {server}: {len(truth):,} resources")
        for number in range(1, self._rounds + 1):
            # Another begins each round: a server that keeps what it found (HAPI) is slowest for who asks first.
            first = number % len(contenders)
            for contender in (*contenders[first:], *contenders[:first]):
                where = {"server": server, "data": data, "served_by": servers.identity(server)}
                done = list(self._kept.of("run", contender.name, **where))
                slow = any(record["seconds"] > SLOW_SECONDS for record in done)
                there = any(record["round"] == number for record in done)
                if there or (slow and number > SLOW_ROUNDS) or list(self._kept.of("absent", contender.name)):
                    continue
                self._round(contender, base, {**where, "round": number}, truth, patients)

    def with_faults(self, base: str, truth: set[Key], patients: Path, contenders: Sequence[Contender]) -> None:
        """One run of each while the server gives a 429, a 503 and an HTML page with status 200, once each."""
        for contender in contenders:
            if list(self._kept.of("faults", contender.name)) or list(self._kept.of("absent", contender.name)):
                continue
            servers.give_faults(base, FAULT_AT)
            answer, found = self._run(contender, base, truth, patients)
            if answer is not None:
                given = 3 - servers.counts(base)["faults_left"]
                self._kept.add("faults", contender.name, given=given, **answer, **found, said=self._said(contender))
                say(f"    with faults, {contender.name}: {found}, {answer['failed'] or 'said nothing of a failure'}")

    def _round(self, contender: Contender, base: str, where: dict[str, Any], truth: set[Key], patients: Path) -> None:
        if where["server"] == "pages":
            servers.counts(base)
        answer, found = self._run(contender, base, truth, patients)
        if answer is None:
            return
        asked = servers.counts(base) if where["server"] == "pages" else {}
        counted = {name: asked[name] for name in ("requests", "bytes") if name in asked}
        self._kept.add("run", contender.name, **where, **answer, **found, **counted, resources=len(truth))
        rate = found["landed"] / answer["seconds"]
        lost = f", LOST {found['lost']}" if found["lost"] else ""
        failed = f", {answer['failed']}" if answer["failed"] else ""
        say(f"    round {where['round']}, {contender.name}: {answer['seconds']:.2f} s, {rate:,.0f}/s{lost}{failed}")

    def _run(
        self, contender: Contender, base: str, truth: set[Key], patients: Path
    ) -> tuple[Record | None, dict[str, int]]:
        out = Path(tempfile.mkdtemp(prefix="out-", dir=self._work))
        try:
            answer = self.run_once(contender, base, out, TYPES, patients)
            return answer, compare(truth, left(out))
        except NotHere as why:
            self._kept.add("absent", contender.name, why=str(why))
            say(f"    {contender.name} cannot run: {why}")
            return None, {}
        finally:
            shutil.rmtree(out, ignore_errors=True)

    def run_once(self, contender: Contender, base: str, out: Path, types: Sequence[str], patients: Path) -> Record:
        """One run in a process of its own: seconds, cpu_seconds, peak_bytes, failed, versions.

        Raises:
            NotHere: it cannot be installed, or ended without an answer.
        """
        python = sys.executable
        if contender.environment:
            python = str(environment(HERE / "peers" / f"{contender.environment}.txt", self._work))
        command = [python, "-m", "benchmarks.extract.worker", contender.module, base, str(out), ",".join(types)]
        command += [str(servers.PAGE_SIZE), str(THREADS), str(patients)]
        quiet = {"PYTHONNOUSERSITE": "1", "PYTHONWARNINGS": "ignore", "NO_COLOR": "1", "no_proxy": "127.0.0.1"}
        with self._log(contender).open("w") as said:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                cwd=servers.REPOSITORY,
                env={**os.environ, **quiet},
                check=False,
            )
        if not done.stdout:
            raise NotHere(f"ended by itself with code {done.returncode}")
        answer: Record = json.loads(done.stdout)
        return answer

    def _log(self, contender: Contender) -> Path:
        folder = self._work / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{contender.name}.log"

    def _said(self, contender: Contender) -> bool:
        """Whether the run said anything of a fault on its standard error or output."""
        text = self._log(contender).read_text(errors="replace")
        return any(word in text for word in ("429", "503", "rror", "incomplete"))

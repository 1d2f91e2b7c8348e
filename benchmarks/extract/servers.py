"""The servers, each a process of its own: one of prepared pages, Bedside's sandbox, and a real HAPI."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.extract.data import TYPES, lines
from benchmarks.shared.environment import NotHere
from tests.integration.hapi_server import PROJECT, HapiError, hapi_server, load

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGE_SIZE = 500
SERVERS = ("pages", "sandbox", "hapi")
_START_SECONDS = 300
# HAPI takes no reference to what it does not hold.
_REFERRED_TO = ("Organization", "Practitioner", "Location", "Medication")


@contextmanager
def prepared_pages(folder: Path, log: Path, *, endless: int = 0, page_size: int = PAGE_SIZE) -> Iterator[str]:
    """The FHIR base of a server that sends pages made beforehand (`benchmarks.extract.page_server`)."""
    command = [sys.executable, "-m", "benchmarks.extract.page_server", str(folder)]
    command += ["--page-size", str(page_size), "--endless", str(endless)]
    with log.open("a") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=REPOSITORY)
        try:
            assert process.stdout
            base = process.stdout.readline().strip()
            if not base:
                raise RuntimeError("the server of prepared pages did not start")
            yield base
        finally:
            process.kill()
            process.wait()


@contextmanager
def sandbox(folder: Path, log: Path) -> Iterator[str]:
    """The FHIR base of ``bedside sandbox`` over a folder of NDJSON."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.prefix) / "bin" / "bedside"), "sandbox", str(folder), "--port", str(port)]
    with log.open("a") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            base = f"http://127.0.0.1:{port}/fhir"
            _wait_for(base, process)
            yield base
        finally:
            process.terminate()
            process.wait()


@contextmanager
def hapi(sample: Path, folder: Path) -> Iterator[str]:
    """The FHIR base of a HAPI JPA server (`tests.integration.hapi_server`) that was given a folder of the sample.

    What the folder's resources refer to beside each other is taken from ``sample``. Raises `NotHere` where it cannot
    be built, started or loaded.
    """
    with ExitStack() as stack:
        try:
            base = stack.enter_context(hapi_server())
            load(base, [line for type_ in _REFERRED_TO for line in lines(sample, type_)])
            load(base, [line for type_ in TYPES for line in lines(folder, type_)])
        except HapiError as why:
            raise NotHere(str(why)) from None
        yield base


def identity(server: str) -> str:
    """A short hash of the code of a server of `SERVERS`: figures taken on another are not today's."""
    code = {
        "pages": [Path(__file__).resolve().parent / "page_server.py"],
        "sandbox": sorted((REPOSITORY / "flows" / "sandbox").glob("*.py")),
        "hapi": [PROJECT / "pom.xml", *sorted((PROJECT / "src").rglob("*.java"))],
    }[server]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in code)).hexdigest()[:16]


def counts(base: str) -> dict[str, Any]:
    """What a server of prepared pages counted since it was last asked: requests, bytes, faults_left."""
    return _asked(base, "counts")


def give_faults(base: str, at: int) -> None:
    """From now on the ``at``-th, twice and three times ``at``-th page is a 429, a 503 and an HTML page, once each."""
    _asked(base, f"faults?at={at}")


def _asked(base: str, what: str) -> dict[str, Any]:
    with urlopen(f"{base.removesuffix('/fhir')}/{what}") as reply:
        answer: dict[str, Any] = json.load(reply)
    return answer


def _wait_for(base: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(f"{base}/metadata"):
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError("the sandbox did not start")

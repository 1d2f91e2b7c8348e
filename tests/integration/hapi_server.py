"""A real HAPI FHIR JPA server for tests: built once by Maven, started on a free port, loaded by transactions, ended."""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
import requests

PROJECT = Path(__file__).resolve().parent / "hapi"
TARGET = PROJECT / "target"
SERVER = "bedside.hapi.TestServer"
MEMORY = "-Xmx768m"
BUILD_SECONDS = 900
START_SECONDS = 240
BATCH = 200

T = TypeVar("T")


class HapiError(AssertionError):
    """The server could not be built, started or loaded."""


def wait_until(ready: Callable[[], T | None], seconds: float, what: str, between: float = 0.25) -> T:
    """Ask ``ready`` until it gives something, at most ``seconds`` long. Raises HapiError naming ``what``."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        found = ready()
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            raise HapiError(f"{what}: not within {seconds:.0f} s")
        pause.wait(between)


def build() -> Path:
    """The folder of the built server; Maven runs only where the project has changed since. Raises HapiError."""
    stamp, wanted = TARGET / "built", _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return TARGET
    maven = shutil.which("mvn")
    if maven is None:
        raise HapiError("mvn is not on the path")
    done = subprocess.run(
        [maven, "-B", "-q", "package"], cwd=PROJECT, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    if done.returncode:
        raise HapiError(f"mvn package failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    stamp.write_text(wanted)
    return TARGET


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in [PROJECT / "pom.xml", *sorted((PROJECT / "src").rglob("*.*"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def hapi_server() -> Iterator[str]:
    """A running server, empty; yields its FHIR base address. It ends with this process at the latest."""
    target = build()
    java = shutil.which("java")
    if java is None:
        raise HapiError("java is not on the path")
    arguments = [java, MEMORY, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    # What is left of a server's log is its errors; they go where the tests' own go.
    process = subprocess.Popen(
        [*arguments, "-cp", os.pathsep.join([str(target / "classes"), str(target / "lib" / "*")]), SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        base = _announced(process)
        wait_until(lambda: _answers(base), START_SECONDS, "HAPI's CapabilityStatement")
        yield base
    finally:
        # The server halts when its standard input ends.
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _announced(process: subprocess.Popen[str]) -> str:
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        lines.put(process.stdout.readline())

    threading.Thread(target=read, daemon=True).start()
    try:
        line = lines.get(timeout=START_SECONDS).strip()
    except queue.Empty:
        raise HapiError(f"HAPI said no address within {START_SECONDS} s") from None
    if not line.startswith("http"):
        raise HapiError("HAPI ended before it listened; its errors are above")
    return line


def _answers(base: str) -> bool | None:
    try:
        answer = requests.get(f"{base}/metadata", timeout=60)
    except requests.RequestException:
        return None
    return True if answer.status_code == 200 else None


def load(base: str, resources: Iterable[bytes]) -> dict[str, int]:
    """Put resources (JSON texts) on the server by transactions of 200 PUTs; returns how many by type.

    HAPI refuses a reference to what is not there, so what is referred to goes first (or in the same transaction). The
    texts go in as they are, so decimals keep their digits. Raises HapiError with the server's diagnostics.
    """
    counts: dict[str, int] = {}
    with requests.Session() as session:
        for batch in _batches(in_order(resources)):
            for resource_type, _, _ in batch:
                counts[resource_type] = counts.get(resource_type, 0) + 1
            answer = session.post(
                base,
                data=b'{"resourceType":"Bundle","type":"transaction","entry":['
                + b",".join(_put(*item) for item in batch)
                + b"]}",
                headers={"Content-Type": "application/fhir+json", "Prefer": "return=minimal"},
                timeout=300,
            )
            if answer.status_code != 200:
                raise HapiError(f"a transaction was refused with {answer.status_code}: {answer.text[:2000]}")
    return counts


Item = tuple[str, str, bytes]


def in_order(resources: Iterable[bytes]) -> list[Item]:
    """(type, id, text), each once, so that what is referred to comes before what refers to it.

    Resources that refer to each other in a circle stand close together; HAPI takes them in one transaction.
    """
    items: dict[tuple[str, str], bytes] = {}
    references: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for text in resources:
        resource = orjson.loads(text)
        key = (resource["resourceType"], resource["id"])
        items[key] = text.strip()
        references[key] = list(_references(resource))
    ordered: dict[tuple[str, str], None] = {}
    entered: set[tuple[str, str]] = set()

    def place(key: tuple[str, str]) -> None:
        if key in entered:
            return
        entered.add(key)
        for reference in references[key]:
            if reference in items:
                place(reference)
        ordered[key] = None

    for key in sorted(items):
        place(key)
    return [(*key, items[key]) for key in ordered]


def _references(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        text = node.get("reference")
        if isinstance(text, str) and text.count("/") == 1 and not text.startswith("#"):
            resource_type, _, resource_id = text.partition("/")
            yield resource_type, resource_id
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _put(resource_type: str, resource_id: str, text: bytes) -> bytes:
    request = orjson.dumps({"method": "PUT", "url": f"{resource_type}/{resource_id}"})
    return b'{"resource":' + text + b',"request":' + request + b"}"

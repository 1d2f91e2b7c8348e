"""One contender, once, in a process of its own: what it took is printed as one JSON line.

    python -m benchmarks.extract.worker MODULE BASE OUT TYPES PAGE_SIZE THREADS PATIENTS

Timed from the call until it returns; what is imported before is not. It imports the standard library and the
contender's module alone, because it runs in the environments of the peers too.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import resource
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.extract.asked import Asked
from benchmarks.shared.memory_peak import peak_bytes


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    module, base, out, types, page_size, threads, patients = sys.argv[1:]
    # What a contender prints must not mix with the answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asked = Asked(base, Path(out), tuple(types.split(",")), int(page_size), int(threads), Path(patients))
    client = importlib.import_module(f"benchmarks.extract.clients.{module}")
    failed = ""
    cpu, before = _cpu(), time.perf_counter()
    try:
        client.fetch(asked)
    except SystemExit as left:
        failed = f"left with {left.code}" if left.code else ""
    except Exception as error:  # the bench says what failed, and goes on with the others
        failed = f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
    seconds = time.perf_counter() - before
    # Of children the largest counts once: they are gone, and Linux keeps no sum.
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    answer = {
        "seconds": seconds,
        "cpu_seconds": _cpu() - cpu,
        "peak_bytes": peak_bytes(os.getpid()) + children,
        "failed": failed,
        "versions": _versions(client.PACKAGES),
    }
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

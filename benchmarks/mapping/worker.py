"""One engine on one view in a process of its own, driven line by line over its standard input.

    python -m benchmarks.mapping.worker MODULE VIEW.json THREADS

Commands are JSON arrays: ``["run", FILE]``, ``["rows", FILE, OUT]``. Each is answered by one JSON line. Only the query
itself is timed: from the call until every row is in memory. It imports the standard library and the engine's module
alone, because it runs in the environments of the peers too.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.mapping.canonical import canonical, columns_of
from benchmarks.shared.memory_peak import peak_bytes


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _answer(engine: Any, query: Any, columns: Any, command: list[str]) -> dict[str, Any]:
    gc.collect()
    before = time.perf_counter()
    result = query(command[1])
    seconds = time.perf_counter() - before
    answer: dict[str, Any] = {
        "seconds": seconds,
        "rows": engine.count(result),
        "peak_bytes": peak_bytes(os.getpid()),
    }
    if command[0] == "rows":
        remarks: set[str] = set()
        with Path(command[2]).open("w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in canonical(engine.rows(result), columns, remarks))
        answer["remarks"] = sorted(remarks)
    return answer


def main() -> None:
    module, view_file, threads = sys.argv[1:4]
    # What an engine prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    view = json.loads(Path(view_file).read_text())
    engine = importlib.import_module(f"benchmarks.mapping.engines.{module}")
    with engine.started(view, int(threads)) as query:
        print(json.dumps({"ready": True, "versions": _versions(engine.PACKAGES)}), file=answers, flush=True)
        for line in sys.stdin:
            try:
                answer = _answer(engine, query, columns_of(view), json.loads(line))
            except Exception as error:  # the bench says what failed, and goes on with the others
                answer = {"failed": type(error).__name__, "message": str(error).splitlines()[0][:300]}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Peak memory of a process and everything it started, from Linux's /proc."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def _parents() -> dict[int, int]:
    found = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:  # the name in brackets may hold spaces
                found[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    return found


def family(pid: int) -> Iterator[int]:
    """The process and its descendants that live now."""
    parents = _parents()
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(child for child, parent in parents.items() if parent == one)


def peak_bytes(pid: int) -> int:
    """The sum of the highest resident sizes (VmHWM) of a process and its living descendants."""
    total = 0
    for one in family(pid):
        try:
            status = (_PROC / str(one) / "status").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    return total

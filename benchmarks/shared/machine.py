"""What figures were taken on: facts of the machine, no path and no name."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cores() -> int:
    return len(os.sched_getaffinity(0))


def facts() -> dict[str, str | int]:
    """Cores, processor, memory and system."""
    cpu = next((s.split(":", 1)[1].strip() for s in _lines("/proc/cpuinfo") if s.startswith("model name")), "unknown")
    memory = next((int(s.split()[1]) for s in _lines("/proc/meminfo") if s.startswith("MemTotal")), 0)
    return {
        "cores": cores(),
        "processor": cpu,
        "memory_gib": round(memory / 1024**2),
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []

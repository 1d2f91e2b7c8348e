"""What figures were taken with: the Java, and what a measurement belongs to."""

from __future__ import annotations

import hashlib
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.mapping import resources
from benchmarks.mapping.contenders import Contender
from benchmarks.mapping.environments import HERE, requirement_file

_OWN_PACKAGES = ("duckdb", "ibis-framework", "pyarrow", "orjson", "pyspark")


def java_version(home: Path) -> str:
    said = subprocess.run([str(home / "bin" / "java"), "-version"], capture_output=True, text=True, check=False).stderr
    return said.splitlines()[0] if said else "unknown"


def identity(contender: Contender) -> str:
    """A short hash of all that decides a contender's figures: its code, its versions, the views and the data."""
    parts = [resources.identity().encode(), (HERE / "engines" / f"{contender.module}.py").read_bytes()]
    parts += [path.read_bytes() for path in sorted((HERE / "views").glob("*.json"))]
    if contender.environment:
        parts.append(requirement_file(contender).read_bytes())
    else:
        parts += [version(package).encode() for package in _OWN_PACKAGES if _there(package)]
    if contender.ours:
        root = HERE.parent.parent
        code = [*sorted((root / "mappings").rglob("*.py")), root / "flows" / "engines.py"]
        parts += [path.read_bytes() for path in code]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _there(package: str) -> bool:
    try:
        return bool(version(package))
    except ImportError:
        return False

"""What was served and what a contender left, counted by type and id: nothing may be lost or be there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

from benchmarks.extract.data import TYPES, id_of, lines

Key = tuple[str, str]


def served(folder: Path) -> set[Key]:
    """Type and id of everything in a folder of the sample's NDJSON."""
    return {(type_, id_of(line)) for type_ in TYPES for line in lines(folder, type_)}


def left(out: Path) -> Counter[Key]:
    """How often each resource is in what a contender left: lines of NDJSON, or pages."""
    found: Counter[Key] = Counter()
    for path in sorted(out.rglob("*.ndjson")):
        if path.name != "log.ndjson" and path.parent.name != "error":
            found.update(map(_key, _lines(path)))
    for path in sorted(out.glob("*.json")):
        if path.name != "manifest.json":
            found.update(_page(path))
    return found


def compare(truth: set[Key], found: Counter[Key]) -> dict[str, int]:
    """``landed`` distinct resources that were served, ``lost``, ``twice`` (superfluous copies), ``never_served``."""
    return {
        "landed": len(truth & found.keys()),
        "lost": len(truth - found.keys()),
        "twice": sum(times - 1 for times in found.values()),
        "never_served": len(found.keys() - truth),
    }


def _key(resource: dict[str, str]) -> Key:
    return resource.get("resourceType", ""), resource.get("id", "")


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as stream:
        yield from map(orjson.loads, stream)


def _page(path: Path) -> Iterator[Key]:
    try:
        page = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        return  # an error page kept as if it were one of results
    for entry in page.get("entry", ()):
        yield _key(entry["resource"])

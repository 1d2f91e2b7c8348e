"""The earlier runs of a study that a run may be compared with, and what their profiles say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flows.run_folder import RunFolder
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import pandas as pd

PROFILE = "profile.parquet"
MOST_RUNS = 120
"""Earlier runs that are read at most, the newest."""
WHOLE = 24
"""Of them those that are read whole; of older ones only how many records there were and how new."""
_ENDED = (0, 5, 6)
"""Exit codes of runs whose tables hold what the sites sent: complete, held by the gate, or with a site left out."""
_DROP = "records_drop_over_5_percent"


def comparable(run: RunFolder) -> list[RunFolder]:
    """The earlier runs of the same study, sources and filters (``inputs_sha256``) with a profile, oldest first."""
    said = run.read()
    found = []
    for folder in sorted(run.root.parent.iterdir()):
        if folder.name == run.id or not (folder / "quality" / PROFILE).is_file():
            continue
        other = RunFolder(folder)
        try:
            theirs = other.read()
        except DefinitionError:
            continue
        same = theirs.get("inputs_sha256") == said["inputs_sha256"] and theirs.get("exit_code") in _ENDED
        if same and _order(theirs) < _order(said):
            found.append((_order(theirs), other))
    return [other for _, other in sorted(found, key=lambda one: one[0])][-MOST_RUNS:]


def earlier_profiles(run: RunFolder) -> pd.DataFrame:
    """The profiles of the comparable runs, oldest first, with ``run`` and ``started`` in front and ``held`` behind.

    ``held``: the gate held the site in that run because this table had lost records, and nobody overrode it. Sites that
    did not land whole in a run are left out of it.
    """
    import pandas as pd

    from expectations.table_profile import COLUMNS

    runs = comparable(run)
    parts = [_read(one, whole=place >= len(runs) - WHOLE) for place, one in enumerate(runs)]
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["run", "started", *COLUMNS, "held"])


def _read(run: RunFolder, whole: bool) -> pd.DataFrame:
    import pandas as pd

    said = run.read()
    kinds = None if whole else [("kind", "in", ["records", "newest"])]
    rows = pd.read_parquet(run.root / "quality" / PROFILE, filters=kinds)
    rows = rows[~rows["site"].isin(list(said.get("missing") or {}))]
    held = pd.MultiIndex.from_tuples(list(_held(run)), names=["site", "table"])
    rows = rows.assign(held=pd.MultiIndex.from_frame(rows[["site", "table"]]).isin(held))
    rows.insert(0, "run", said["run"])
    rows.insert(1, "started", said["started"])
    return rows


def _held(run: RunFolder) -> Iterator[tuple[Any, Any]]:
    """(site, table) that the check on lost records held."""
    import pandas as pd

    if not run.checks.is_file():
        return
    checks = pd.read_parquet(run.checks)
    if "stops" not in checks:  # written before rows said so
        return
    drops = checks[(checks["check_id"] == _DROP) & checks["stops"] & checks["overridden"].fillna("").eq("")]
    yield from zip(drops["site"], drops["table"], strict=True)


def _order(said: dict[str, Any]) -> tuple[str, str]:
    return str(said["started"]), str(said["run"])

"""The earlier runs of a study that a run may be compared with, and what their profiles say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.data_origin import same_sites, same_views
from flows.run_folder import RunFolder, ended_with
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import pandas as pd

PROFILE = "profile.parquet"
MOST_RUNS = 120
"""Earlier runs that are read at most of a site's table, the newest that count."""
WHOLE = 24
"""Of them those that are read whole; of older ones only how many records there were and how new."""
_ENDED = (0, 5, 6)
"""Exit codes of runs whose tables hold what the sites sent: complete, held by the gate, or with a site left out."""
_DROP = "records_drop_over_5_percent"
_VOLUME = ["records", "newest"]


@dataclass(frozen=True)
class Comparable:
    """An earlier run, with the sites and tables that mean in it what they mean now."""

    run: RunFolder
    said: Mapping[str, Any]
    sites: frozenset[str]
    tables: frozenset[str]


def comparable(run: RunFolder) -> list[Comparable]:
    """The earlier runs of the same study with a profile that share a site, its source and its filters, oldest first.

    A site that did not land whole in a run is left out of it, and so is a table whose view has changed since.
    """
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
        if ended_with(theirs) not in _ENDED or _order(theirs) >= _order(said):
            continue
        sites, tables = same_sites(said, theirs) - set(theirs.get("missing") or {}), same_views(said, theirs)
        if sites and tables:
            found.append(Comparable(other, theirs, sites, tables))
    return sorted(found, key=lambda one: _order(one.said))


def earlier_profiles(run: RunFolder) -> pd.DataFrame:
    """The profiles of the comparable runs, oldest first, with ``run`` and ``started`` in front and ``held`` behind.

    ``held``: the gate held the site in that run because this table had lost records, and nobody overrode it. Such a
    night counts for nothing and takes no other's place: of each site's table there are the newest ``MOST_RUNS`` that
    count, the newest ``WHOLE`` of them whole, however long ago they were.
    """
    import pandas as pd

    from expectations.table_profile import COLUMNS

    runs: Counter[str] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    parts = []
    for one in reversed(comparable(run)):
        # Nights that held a site's table make the site be looked for further back; its other tables are whole by then.
        least = {site: runs[site] - max((n for (of, _), n in held.items() if of == site), default=0)
                 for site in sorted(one.sites)}  # fmt: skip
        wanted = [site for site, n in least.items() if n < MOST_RUNS]
        if not wanted:
            continue
        here = {pair for pair in _held(one.run) if pair[0] in wanted}
        rows = _read(one, wanted, here, whole=min(least[site] for site in wanted) < WHOLE)
        counted = [runs[site] - held[site, table] for site, table in zip(rows["site"], rows["table"], strict=True)]
        places = pd.Series(counted, index=rows.index, dtype="int64")
        as_whole = (places < WHOLE) & ~rows["held"]
        parts.append(rows[(places < MOST_RUNS) & (as_whole | rows["kind"].isin(_VOLUME))])
        runs.update(wanted)
        held.update(here)
    parts = [part for part in reversed(parts) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["run", "started", *COLUMNS, "held"])


def _read(one: Comparable, sites: Sequence[str], held: Collection[tuple[str, str]], whole: bool) -> pd.DataFrame:
    import pandas as pd

    wanted = [("site", "in", list(sites)), ("table", "in", sorted(one.tables))]
    if not whole:
        wanted.append(("kind", "in", _VOLUME))
    rows = pd.read_parquet(one.run.quality / PROFILE, filters=wanted)
    index = pd.MultiIndex.from_tuples(list(held), names=["site", "table"])
    rows = rows.assign(held=pd.MultiIndex.from_frame(rows[["site", "table"]]).isin(index))
    rows.insert(0, "run", one.said["run"])
    rows.insert(1, "started", one.said["started"])
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


def _order(said: Mapping[str, Any]) -> tuple[str, str]:
    return str(said["started"]), str(said["run"])

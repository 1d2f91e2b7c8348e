"""The quality results of all runs of a study, read into what the dashboard is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.plan import TYPE_OF_TABLE
from analysis.study.model import Study
from flows.data_origin import same_sites
from flows.gate_file import Acknowledged, read_gate_file
from flows.job import SITES_FILE
from flows.run_folder import RunFolder
from flows.sites import Sites, load_sites, sites_for_source
from flows.study_folder import StudyFolder
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.dashboard.history import History
    from expectations.catalogue import Asked

CHECKS, TOUCHED, SUBJECTS, PROFILE = ("checks.parquet", "touched.parquet", "subjects.parquet", "profile.parquet")
KINDS = ("records", "newest", "month", "unmapped")
"""What the page looks at of a profile."""
MOST_RUNS = 120
"""Runs that are read, the newest: what began before them was "or earlier"."""
MIN_COUNT = 5
"""Of a study that compares nothing and so says nothing of it."""
_TYPES = frozenset(TYPE_OF_TABLE.values())
_CHECKS = (
    "check_id", "table", "site", "category", "context", "severity", "action", "scope", "numerator", "denominator",
    "threshold", "stop_above", "status", "stops", "overridden", "subjects", "reason", "consequence", "error",
)  # fmt: skip
_TOUCHED = ("check_id", "table", "site", "outcome", "subjects", "lost")
_SUBJECTS = ("site", "outcome", "screened", "analysed", "dropped", "usable", "lost")
_PROFILE = ("site", "table", "kind", "key", "n", "patients")
_DEFINITION = {
    "id", "table", "category", "context", "severity", "action", "scope", "threshold", "stop_above", "reason",
    "consequence",
}  # fmt: skip


def read_history(folder: StudyFolder, runs: Path, today: date) -> History:
    """All runs of a study in ``runs`` that share a site with the newest with quality results, by source and filters.

    A run says nothing of a site that had another source or other filters then (`flows.data_origin.same_sites`).

    Raises:
        DefinitionError: no run has quality results; a file of the study, its sites or its gate is wrong.
    """
    import pandas as pd

    from analysis.dashboard.history import History
    from expectations.catalogue import asked_of

    study = folder.study
    said = _runs(runs / study.study.id)
    judged = [run for run in said if _judged(runs / study.study.id / run)]
    if not judged:
        raise DefinitionError(
            f"no run of {study.study.id} in {runs} has quality results; make one with: bedside run {folder.path}"
        )
    newest = max(judged, key=lambda run: (str(said[run]["started"]), run))
    sites_of = {run: None if run == newest else same_sites(said[newest], one) for run, one in said.items()}
    kept = {run: one for run, one in said.items() if sites_of[run] is None or sites_of[run]}
    in_order = sorted((str(said[run]["started"]), run) for run in judged if run in kept)
    judged = [run for _, run in in_order[-MOST_RUNS:]]
    sites = _sites(folder, said[newest])
    asked = asked_of(study, {site.id: site.check_rules for site in sites.sites} if sites else None)
    labels = {site.id: site.label for site in sites.sites} if sites else {}
    files = {runs / study.study.id / run / "quality": sites_of[run] for run in judged}
    profile = _read(files, PROFILE, _PROFILE, kinds=KINDS)
    started = {run: str(one["started"]) for run, one in kept.items()}
    return History(
        title=study.study.title,
        study=study.study.id,
        sites=labels,
        runs=pd.DataFrame([_line(run, one, folder) for run, one in kept.items()]),
        checks=_read(files, CHECKS, _CHECKS),
        touched=_read(files, TOUCHED, _TOUCHED),
        subjects=_read(files, SUBJECTS, _SUBJECTS),
        profile=profile.assign(started=profile["run"].map(started)),
        acknowledged=_acknowledged(folder, asked, tuple(labels), today),
        definitions=[check.model_dump(include=_DEFINITION) for check in asked.checks.values()],
        min_count=study.disclosure.min_count if isinstance(study, Study) else MIN_COUNT,
        left_out=len(said) - len(kept),
    )


def _runs(parent: Path) -> dict[str, dict[str, Any]]:
    """What ``run.json`` of each run says, by the run's id; folders without a readable one are none."""
    found = {}
    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        with suppress(DefinitionError):
            found[folder.name] = RunFolder(folder).read()
    return found


def _judged(folder: Path) -> bool:
    """Whether a run has results, and they say what they stop: older ones did not."""
    path = folder / "quality" / CHECKS
    if not path.is_file():
        return False
    opened = _parquet(path)
    return "stops" in opened.schema_arrow.names and opened.metadata.num_rows > 0


def _parquet(path: Path) -> Any:
    """A Parquet file, opened.

    Raises:
        DefinitionError: it is none, or is cut off.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise DefinitionError(f"{path} cannot be read; move its run away, or make its checks anew") from error


def _sites(folder: StudyFolder, said: Mapping[str, Any]) -> Sites | None:
    """The sites of a run as their file lies there now; None where it is gone."""
    called = said.get("called") or {}
    named, source = called.get("sites"), called.get("source")
    own = folder.path / SITES_FILE
    path = Path(named) if named else own
    made = load_sites(path.read_text(encoding="utf-8"), path.name, path.parent) if path.is_file() else None
    return sites_for_source(source, made) if source else made


def _line(run: str, said: Mapping[str, Any], folder: StudyFolder) -> dict[str, Any]:
    return {
        "run": run,
        "started": str(said["started"]),
        "finished": str(said.get("finished") or ""),
        "outcome": str(said.get("outcome") or ""),
        "exit_code": said.get("exit_code"),
        "synthetic": folder.study.study.data == "synthetic",
        "missing": {str(site): _pieces(whats) for site, whats in (said.get("missing") or {}).items()},
    }


def _pieces(whats: Sequence[str]) -> dict[str, int]:
    """How many pieces are missing by resource type. No more of the texts: they name pages, files and addresses."""
    types = (str(what).partition(": ")[0] for what in whats)
    return dict(Counter(type_ if type_ in _TYPES else "" for type_ in types))


def _read(
    files: Mapping[Path, Collection[str] | None], name: str, columns: Sequence[str], kinds: Sequence[str] = ()
) -> pd.DataFrame:
    """One file of every run as one frame with the run's id in front; a column that a run's file lacks is empty.

    ``files``: each run's folder of results, and the sites it may speak of (None: all); what is of the whole study comes
    along.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    tables: list[Any] = []
    for folder, sites in files.items():
        if not (folder / name).is_file():
            continue
        opened = _parquet(folder / name)
        table = opened.read([column for column in columns if column in opened.schema_arrow.names])
        if sites is not None:
            table = table.filter(pc.is_in(table["site"], pa.array(["", *sorted(sites)])))
        if kinds:
            table = table.filter(pc.is_in(table["kind"], pa.array(kinds)))
        tables.append(table.add_column(0, "run", pa.repeat(folder.parent.name, len(table))))
    if not tables:
        return pd.DataFrame(columns=["run", *columns])
    whole = pa.concat_tables(tables, promote_options="permissive")
    frame: pd.DataFrame = whole.to_pandas()
    return frame.reindex(columns=["run", *columns])


def _acknowledged(folder: StudyFolder, asked: Asked, sites: tuple[str, ...], today: date) -> pd.DataFrame:
    """What the gate file says is known."""
    import pandas as pd

    known: tuple[Acknowledged, ...] = read_gate_file(folder.path, asked.names, sites, today).acknowledged
    columns = ["check_id", "table", "site", "name", "note", "until"]
    rows = [(one.check, one.table, one.site, one.name, one.note, one.until.isoformat()) for one in known]
    return pd.DataFrame(rows, columns=columns)

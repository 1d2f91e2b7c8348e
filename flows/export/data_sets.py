"""The ADaM-shaped data sets as CSV, and their column dictionary. They hold subjects and never leave the site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.export.define import define
from expectations.catalogue import Asked, asked_of
from expectations.gate import SITE_HELD, SITE_HELD_WORDS
from flows.run_folder import whole, write_json

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive import Derived
    from analysis.study.model import Study

DATA_SETS = ("adsl", "adrs", "adtr", "adex", "adae", "adtte", "analysis_table")
DICTIONARY = "define.json"


def write_data_sets(derived: Derived, folder: Path) -> None:
    """Write each data set that there is as ``<name>.csv``, whole or not at all."""
    for name in DATA_SETS:
        frame = getattr(derived, name)
        if frame is not None:
            write_csv(frame, folder / f"{name}.csv")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame: UTF-8, texts in quotes, days as ``YYYY-MM-DD``, numbers with all digits, nothing for no value."""
    import pyarrow as arrow
    from pyarrow import csv

    table = arrow.Table.from_pandas(frame, preserve_index=False)
    days = {arrow.types.is_timestamp: arrow.date32(), arrow.types.is_null: arrow.string()}
    for at, field in enumerate(table.schema):
        for is_such, wanted in days.items():
            if is_such(field.type):
                table = table.set_column(at, field.name, table.column(at).cast(wanted))
    with whole(path) as part, part.open("wb") as out:
        csv.write_csv(table, out)


def write_dictionary(study: Study, folder: Path, asked: Asked | None = None) -> None:
    """Write ``define.json``: name, label, type, derivation and code list of every column.

    ``asked``: the checks with what sites say of them; the study's alone where left out.
    """
    said = asked or asked_of(study)
    every = [*said.checks.values(), *(check for own in said.of_sites.values() for check in own.values())]
    dropping = {check.id: check.reason for check in every if check.action == "drop"} | {SITE_HELD: SITE_HELD_WORDS}
    write_json(folder / DICTIONARY, define(study, dropping))

"""Analysis tables of a large cohort: those of GBSG2's 686 women, copied as often as wanted under keys of their own.

    python -m benchmarks.quality.subjects RUN SUBJECTS

leaves them in a run folder, in a process of its own, whose memory is not the checks'.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.derive import Derived

# The study's folder is read from the checkout.
REPOSITORY = Path(__file__).resolve().parents[2]
STUDY = "gbsg2"
SITE = "gbsg"


def derived_of(subjects: int) -> tuple[Any, Derived]:
    """The study, and its analysis tables of ``subjects`` women."""
    import ibis

    from analysis.derive import derive
    from benchmarks.analysis import data
    from flows.study_folder import read
    from mappings import engine

    folder = read(REPOSITORY / "studies" / STUDY)
    con = ibis.duckdb.connect()
    with tempfile.TemporaryDirectory() as tables:
        data.make(Path(tables), min(subjects, data.TRIAL))
        inputs = {file.stem: engine.of(con).parquet(con, file) for file in sorted(Path(tables).glob("*.parquet"))}
        small = derive(folder.study, folder.codes, folder.maps, inputs, b"a key for a benchmark", {}, con)
    con.disconnect()
    keys = sorted(small.adsl["USUBJID"])
    copies = -(-subjects // len(keys))
    kept = {field.name: getattr(small, field.name) for field in fields(Derived)}
    made = {
        name: _copied(frame, copies, keys, subjects)
        for name, frame in kept.items()
        if isinstance(frame, pd.DataFrame) and "USUBJID" in frame
    }
    return folder.study, Derived(**{**kept, **made})


def _copied(frame: pd.DataFrame, copies: int, keys: list[str], subjects: int) -> pd.DataFrame:
    whole = pd.concat([frame] * copies, ignore_index=True)
    number = pd.Series([n for n in range(copies) for _ in range(len(frame))], dtype="int64")
    place = whole["USUBJID"].map({key: n for n, key in enumerate(keys)})
    # A key stays sixteen hexadecimal digits: the number of the copy, then the rest of the woman's own.
    made = whole.assign(USUBJID=number.map("{:06x}".format) + whole["USUBJID"].str[6:])
    return made[number * len(keys) + place < subjects].reset_index(drop=True)


def main() -> None:
    from flows.run_folder import RunFolder
    from flows.steps.subjects import write_derived

    _, derived = derived_of(int(sys.argv[2]))
    write_derived(RunFolder(Path(sys.argv[1])), derived)


if __name__ == "__main__":
    main()

"""What the analysis tables of one subject rest on: a sentence for each row, by the resource its SRCREF names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.derive.derived import Derived
    from analysis.study.model import Study

Key = tuple[str, str]


def key_of(srcref: str) -> Key:
    """Type and id of `Type/id/_history/version`, with or without its version."""
    kind, _, rest = srcref.partition("/")
    return kind, rest.partition("/_history/")[0]


def source_rows(study: Study, derived: Derived, usubjid: str) -> Iterator[tuple[Key, str]]:
    """Each row of ADSL, ADRS, ADTR, ADAE and ADTTE that names a resource, with what it says, in the order of the
    tables."""
    competing = competing_codes(study)
    parts = (
        (derived.adsl, _subject), (derived.adrs, _assessment), (derived.adtr, _visit), (derived.adae, _adverse),
        (derived.adtte, lambda row: f"ADTTE {(name := row['PARAMCD'])}: {endpoint_text(row, competing.get(name, ()))}"),
    )  # fmt: skip
    for frame, sentence in parts:
        if frame is None:
            continue
        for row in frame[frame["USUBJID"] == usubjid].to_dict("records"):
            if isinstance(row["SRCREF"], str):
                yield key_of(row["SRCREF"]), sentence(row)


def competing_codes(study: Study) -> dict[str, range]:
    """By endpoint the CNSR of its competing events."""
    return {endpoint.id: endpoint.competing_codes for endpoint in study.endpoint}


def day_text(value: Any) -> str:
    """A date of the tables as YYYY-MM-DD, "" for none."""
    import pandas as pd

    return "" if value is None or pd.isna(value) else pd.Timestamp(value).strftime("%Y-%m-%d")


def endpoint_text(row: dict[Any, Any], competing: Collection[int] = ()) -> str:
    """`event (Death) at 120 days`, `censored (Last known alive) at 300 days`, or `competing event (…) at …` where CNSR
    is one of ``competing``."""
    import pandas as pd

    status = "event" if row["CNSR"] == 0 else "competing event" if row["CNSR"] in competing else "censored"
    at = "without a time" if pd.isna(row["AVAL"]) else f"at {row['AVAL']:g} days"
    return f"{status} ({row['EVNTDESC']}) {at}"


def _subject(row: dict[Any, Any]) -> str:
    return f"ADSL: index date {day_text(row['TRTSDT'])}, arm {row['TRT01A'] or 'none'}"


def _assessment(row: dict[Any, Any]) -> str:
    said = f"ADRS {row['PARAMCD']}: {row['AVALC'] or 'no level'}"
    if row["PARAMCD"].endswith("BOR"):
        return said
    reader = f", read by {row['READER']}" if isinstance(row["READER"], str) else ""
    return f"{said}{reader}, {'accepted' if row['ACCEPTED'] == 'Y' else 'not accepted'}"


def _visit(row: dict[Any, Any]) -> str:
    return f"ADTR {row['PARAMCD']}: sum {_number(row['AVAL'])} mm, overall {row['AVALC']}"


def _adverse(row: dict[Any, Any]) -> str:
    said = {"EVENT": "event", "ABSENT": "said not to be there", "LOOKED": "someone looked"}[row["PARAMCD"]]
    grade = f", grade {row['ATOXGR']}" if isinstance(row["ATOXGR"], str) else ""
    return f"ADAE {row['AEDECOD']}: {said}{grade}"


def _number(value: Any) -> str:
    import pandas as pd

    return "none" if pd.isna(value) else f"{value:g}"

"""More frames for checks on analysis tables: completeness of covariates and follow-up, two sources, column types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.export.define import define

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    import pandas as pd

    from analysis.study.model import Study

HALF_A_YEAR = 183
"""Days before the data cut-off from which on a censored subject counts as lost to follow-up."""


def covariates(study: Study, analysed: pd.DataFrame) -> pd.DataFrame:
    """One row an analysed subject and covariate: VARIABLE, PRESENT (Y, N), and CATEGORY (Y, N; null where none is due):
    whether a number that is there falls into one of the categories it is cut into."""
    import pandas as pd

    names = list(study.covariate)
    who = analysed[["USUBJID", "SITEID"]]
    parts = [
        who.assign(
            VARIABLE=pd.Categorical.from_codes([at] * len(who), pd.Index(names)),
            PRESENT=yes(analysed[name].notna()),
            CATEGORY=_category(analysed, name),
        )
        for at, name in enumerate(names)
    ]
    return pd.concat(parts, ignore_index=True) if parts else who.iloc[:0].assign(VARIABLE="", PRESENT="", CATEGORY="")


def _category(analysed: pd.DataFrame, name: str) -> pd.Series:
    if f"{name}_cat" not in analysed:
        return yes(analysed[name].notna()).mask(analysed["USUBJID"].notna())
    return yes(analysed[f"{name}_cat"].notna()).where(analysed[name].notna())


def reviewed(study: Study, analysed: pd.DataFrame) -> pd.DataFrame:
    """One row an analysed subject and covariate that both the record and the supplement hold: RECORD, SUPPLEMENT."""
    import pandas as pd

    empty = {"USUBJID": "object", "SITEID": "object", "VARIABLE": "object", "RECORD": "object", "SUPPLEMENT": "object"}
    parts = [pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in empty.items()})]
    for name in study.covariate:
        if {f"{name}_record", f"{name}_supplement"} <= set(analysed):
            said = analysed[["USUBJID", "SITEID", f"{name}_record", f"{name}_supplement"]]
            said = said.set_axis(["USUBJID", "SITEID", "RECORD", "SUPPLEMENT"], axis=1).astype("object")
            parts.append(said.assign(VARIABLE=name))
    return pd.concat(parts, ignore_index=True)


def derived_responses(analysed: pd.DataFrame, adrs: pd.DataFrame) -> pd.DataFrame:
    """One row an analysed subject with a best response of both kinds, evaluable in each: BEST, OTHER (the kind the
    study does not go by)."""
    best = {
        name: adrs.loc[adrs["PARAMCD"].isin(codes) & adrs["AVALC"].ne("NE"), ["USUBJID", "AVALC"]]
        for name, codes in {"BEST": ("BOR",), "OTHER": ("DRVBOR", "RECBOR")}.items()
    }
    found = analysed[["USUBJID", "SITEID"]]
    for name, rows in best.items():
        found = found.merge(rows.rename(columns={"AVALC": name}).drop_duplicates("USUBJID"), on="USUBJID")
    return found


def follow_up(study: Study, analysed: pd.DataFrame, adtte: pd.DataFrame, today: date | None) -> pd.DataFrame:
    """One row an analysed subject and endpoint that only death ends: LOST (Y, N), censored half a year or more before
    the data cut-off, or before the day of the extract where that is earlier."""
    import pandas as pd

    overall = [e.id for e in study.endpoint if all(source.death for source in e.events) and not e.competing]
    rows = adtte[adtte["PARAMCD"].isin(overall)].merge(analysed[["USUBJID", "SITEID"]], on="USUBJID")
    end = study.index.data_cutoff if today is None else min(today, study.index.data_cutoff)
    early = rows["ADT"] < pd.Timestamp(end) - pd.Timedelta(days=HALF_A_YEAR)
    return rows[["USUBJID", "SITEID", "PARAMCD"]].assign(LOST=yes((rows["CNSR"] >= 1) & early))


def twins(screened: pd.DataFrame, people: Mapping[str, str]) -> pd.DataFrame:
    """The screened with TWIN_SITES: at how many sites somebody of equal sex and birth date has the same index date.

    ``people`` maps USUBJID to sex and whole birth date as one text; who is not in it is not asked, and
    of a single site nobody.
    """
    if screened["SITEID"].nunique() < 2:
        return screened.assign(TWIN_SITES=float("nan"))
    key = screened["USUBJID"].map(dict(people)).astype("string") + "|" + screened["TRTSDT"].astype("string")
    sites = screened["SITEID"].groupby(key).nunique()
    return screened.assign(TWIN_SITES=key.map(sites).astype("float64"))


def types(study: Study, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a column of the column dictionary: DATASET, COLUMN, EXPECTED (its type there), FOUND (the same word where
    the table's column can hold it, else its own type; null where the column is empty: nothing is of a wrong type)."""
    import pandas as pd

    return pd.DataFrame(list(_types(study, tables)), columns=["DATASET", "COLUMN", "EXPECTED", "FOUND"])


def _types(study: Study, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, str, str, str | None]]:
    for dataset in define(study)["datasets"]:
        if (table := tables.get(dataset["name"].lower())) is None:
            continue
        for column in dataset["columns"]:
            name, expected = column["name"], column["type"]
            if name not in table:
                yield dataset["name"], name, expected, "missing"
            else:
                yield dataset["name"], name, expected, _found(table[name], expected)


def _found(column: pd.Series, expected: str) -> str | None:
    from pandas.api import types as kinds

    if not column.notna().any():
        return None
    holds = {
        "date": kinds.is_datetime64_any_dtype(column),
        "integer": kinds.is_integer_dtype(column),
        "double": kinds.is_numeric_dtype(column),
        "string": kinds.is_string_dtype(column) or kinds.is_object_dtype(column),
    }
    return expected if holds.get(expected, False) else str(column.dtype)


def yes(flags: pd.Series) -> pd.Series:
    """``Y`` for true, ``N`` for false, as categories: a byte a row."""
    import pandas as pd

    codes = flags.astype("bool").to_numpy().astype("int8")
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(["N", "Y"])), index=flags.index)

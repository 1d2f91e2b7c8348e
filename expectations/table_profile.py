"""Counts that describe the tables of a run, for comparisons with earlier runs and other sites, in Ibis.

The engine counts; what leaves it is small: records, newest days, months, codes, units, missing values, sizes of values.
Nothing in it leads to a patient: a code or unit that fewer than ``FLOOR`` patients have may be a name typed into the
wrong field, and is only counted under ``RARE``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from analysis.study.uses import list_uses
from expectations.raw_views import VIEWS, Quantity, RawView
from mappings.code_systems import normalise_code, normalise_system

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from analysis.study.model import Study
    from mappings.code_model import CodeList

PROFILED = {name: view for name, view in VIEWS.items() if not view.detail}
"""The views that are counted: those of whole resources."""
COLUMNS = ("site", "table", "kind", "key", "n", "patients")
FLOOR = 5
"""Patients that a code or unit must have to be named."""
RARE = "(rare)"
MONTHS = 37
"""Months kept, counted back from the newest record: two years to judge one by, and room for the one that runs."""

_TEXTS = ("code_text", "code_display", "device_name")

Taken = Mapping[str, Mapping[str, "CodeList"]]
"""Of each view, the lists of the study that are looked for in it, by name."""


def taken_by(study: Study | None, codes: Mapping[str, CodeList]) -> dict[str, dict[str, CodeList]]:
    """The lists a study looks for in the codes and texts of each view; body sites and the like stand elsewhere."""
    found: dict[str, dict[str, CodeList]] = {}
    for use in list_uses(study) if study is not None else ():
        if use.role != "site" and use.name in codes:
            for view in use.tables:
                found.setdefault(view, {})[use.name] = codes[use.name]
    return found


def profile(tables: Mapping[str, ir.Table], today: date, taken: Taken) -> pd.DataFrame:
    """Count every view of ``tables``: one row a count, with the columns of ``COLUMNS``, sorted.

    Kinds: ``records`` (resources), ``rows`` (rows of the view), ``newest`` (key: the day of the newest record that is
    not after ``today``), ``month`` (key YYYY-MM; resources by clinical date), ``code`` (``system|code``; of patients
    ``gender|…`` and ``birth|1950s``), ``unit`` (``code|unit``), ``value`` (``code|unit|bin``, bins of a quarter of a
    decade), ``missing`` (key: the column; rows without it), ``taken`` (codings of records that a list of ``taken``
    takes) and ``unmapped`` (``system|code`` of the other records). ``n`` counts codings where a key has a code.
    ``patients`` of ``RARE`` counts a patient once for each rare key. A view without a list in ``taken`` has no
    ``taken`` and no ``unmapped``.
    """
    import pandas as pd

    parts = [
        part for name in PROFILED if name in tables for part in _view(name, tables[name], today, taken.get(name, {}))
    ]
    if not parts:
        parts = [pd.DataFrame(columns=list(COLUMNS))]
    whole = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    whole = whole.astype({"n": "int64", "patients": "int64"})
    return whole.sort_values(["site", "table", "kind", "key"], kind="stable").reset_index(drop=True)


def _view(name: str, table: ir.Table, today: date, lists: Mapping[str, CodeList]) -> Iterator[pd.DataFrame]:
    view = PROFILED[name]
    person = "patient_id" if "patient_id" in table.columns else "id"
    for part in _of_rows(table, clinical_dates(view), person, today):
        yield part.assign(table=name)
    if name == "patient":
        yield _people(table).assign(table=name)
    if view.coded:
        for part in _coded(table, person, view.quantity, lists):
            yield part.assign(table=name)


def clinical_dates(view: RawView) -> tuple[str, ...]:
    """The columns that say when what a row is about happened: of patients none."""
    return view.dates if view.placed else ()


def _of_rows(table: ir.Table, dates: tuple[str, ...], person: str, today: date) -> Iterator[pd.DataFrame]:
    """Volume, freshness and missing values: what is counted of any view."""
    import ibis

    day = ibis.coalesce(*(table[column] for column in dates)).substr(0, 10) if dates else ibis.null("string")
    dated = table.select("site", "id", person=table[person], day=day)
    # All rows of a resource have the same day, so its month's resources add up.
    month = ibis.ifelse(dated.day.length() >= 7, dated.day.substr(0, 7), ibis.null("string"))
    known = (dated.day.length() == 10) & (dated.day <= ibis.literal(today.isoformat()))
    by_month = (
        dated.mutate(month=month, known=ibis.ifelse(known, dated.day, ibis.null("string")))
        .group_by("site", "month")
        .agg(n=lambda t: t.id.nunique(), patients=lambda t: t.person.nunique(), newest=lambda t: t.known.max())
        .to_pandas()
    )
    columns = [column for column in table.columns if column not in ("site", "id")]
    # Of a column: the rows without it. One that is never empty has a row with 0.
    empty = {f"without_{at}": table[column].isnull().sum() for at, column in enumerate(columns)}
    whole = table.group_by("site").agg(patients=table[person].nunique(), rows=table.count(), **empty).to_pandas()
    yield whole[["site", "patients"]].assign(n=whole["rows"], kind="rows", key="")
    for at, column in enumerate(columns):
        yield whole[["site"]].assign(n=whole[f"without_{at}"], kind="missing", key=column, patients=0)
    records = by_month.groupby("site")["n"].sum().reset_index().merge(whole[["site", "patients"]], on="site")
    yield records.assign(kind="records", key="")
    newest = by_month.dropna(subset=["newest"]).groupby("site")["newest"].max().reset_index()
    yield newest.rename(columns={"newest": "key"}).assign(kind="newest", n=1, patients=0)
    names = by_month["month"].fillna("").astype(str)
    months = by_month[names.str.fullmatch(r"\d{4}-\d{2}") & (names <= f"{today:%Y-%m}")]
    numbers = months["month"].map(lambda month: 12 * int(month[:4]) + int(month[5:])).astype("int64")
    months = months[numbers.groupby(months["site"]).transform("max") - numbers < MONTHS]
    yield months[["site", "n", "patients"]].assign(kind="month", key=months["month"])


def _people(patients: ir.Table) -> pd.DataFrame:
    import ibis
    import pandas as pd

    decade = ibis.ifelse(
        patients.birth_date.length() >= 4, patients.birth_date.substr(0, 3) + "0s", ibis.null("string")
    )
    parts = []
    for prefix, column in (("gender", patients.gender), ("birth", decade)):
        found = (
            patients.select("site", "id", key=column)
            .group_by("site", "key")
            .agg(n=lambda t: t.count(), patients=lambda t: t.id.nunique())
            .to_pandas()
        )
        parts.append(found.assign(key=f"{prefix}|" + found["key"].fillna("")))
    return _named(pd.concat(parts, ignore_index=True), "code")


def _coded(
    table: ir.Table, person: str, measured: Quantity | None, lists: Mapping[str, CodeList]
) -> Iterator[pd.DataFrame]:
    import ibis

    value, unit = ibis.null("float64"), ibis.null("string")
    if measured is not None:
        value = table[measured.value].cast("float64")
        written = ibis.coalesce(table[measured.code], table[measured.unit], ibis.literal(""))
        unit = ibis.ifelse(value.notnull(), written, ibis.null("string"))
    rows = table.filter(table.code.notnull()).select(
        "site", "id", "code_system", "code", person=table[person], unit=unit, value=value
    )
    names, small = _names(rows)
    on = [
        rows.code_system.identical_to(small.their_system),
        rows.code == small.their_code,
        rows.unit.identical_to(small.their_unit),
    ]
    told = rows.left_join(small, on).select("site", "id", "person", "value", "coding", "measure")
    by_coding = told.group_by("site", "coding").agg(**_counts(told)).to_pandas()
    yield _named(by_coding.assign(key=by_coding["coding"].map(names.codings)), "code")
    if measured is not None:
        with_value = told.filter(told.value.notnull())
        by_measure = with_value.group_by("site", "measure").agg(**_counts(with_value)).to_pandas()
        by_measure["key"] = by_measure["measure"].map(names.measures)
        yield _named(by_measure, "unit")
        yield _sizes(with_value, by_measure)
    if lists:
        taken = taken_records(table, lists)
        left = told.anti_join(taken, ["site", "id"])
        untaken = left.group_by("site", "coding").agg(**_counts(left)).to_pandas()
        untaken = _named(untaken.assign(key=untaken["coding"].map(names.codings)), "unmapped")
        yield untaken
        whole = by_coding.groupby("site")["n"].sum()
        rest = whole - untaken.groupby("site")["n"].sum().reindex(whole.index, fill_value=0)
        yield rest.reset_index().assign(kind="taken", key="", patients=0)


def _counts(table: Any) -> dict[str, Any]:
    return {"n": table.count(), "patients": table.person.nunique()}


class _Names:
    """Numbers of codings and of codings with a unit, so that the engine counts by numbers and not by texts."""

    def __init__(self) -> None:
        self.codings: dict[int, str] = {}
        self.measures: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def number(self, key: str, names: dict[int, str]) -> int:
        made = self._numbers.setdefault(key, len(self._numbers))
        names[made] = key
        return made


def _names(rows: ir.Table) -> tuple[_Names, ir.Table]:
    """The codings with their units that can have ``FLOOR`` patients, brought to one form and numbered."""
    import ibis
    import pyarrow as pa

    often = rows.group_by("code_system", "code", "unit").agg(n=rows.count())
    distinct = often.filter(often.n >= FLOOR).order_by("code_system", "code", "unit").to_pyarrow().to_pylist()
    names = _Names()
    codings, measures = [], []
    for one in distinct:
        system = normalise_system(one["code_system"])
        code = normalise_code(system, one["code"])
        known = code is not None
        codings.append(names.number(f"{system or ''}|{code}", names.codings) if known else None)
        unit = one["unit"]
        measures.append(
            names.number(f"unit:{code}|{unit.strip()}", names.measures) if known and unit is not None else None
        )
    names.measures = {number: key.removeprefix("unit:") for number, key in names.measures.items()}
    small = {
        "their_system": pa.array([one["code_system"] for one in distinct], pa.string()),
        "their_code": pa.array([one["code"] for one in distinct], pa.string()),
        "their_unit": pa.array([one["unit"] for one in distinct], pa.string()),
        "coding": pa.array(codings, pa.int64()),
        "measure": pa.array(measures, pa.int64()),
    }
    return names, ibis.memtable(pa.table(small))


def _named(counted: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Counts by site and key; keys that are unknown or that too few patients have are summed as ``RARE``."""
    rare = counted["key"].isna() | (counted["patients"] < FLOOR)
    summed = counted.assign(key=counted["key"].mask(rare, RARE)).groupby(["site", "key"])[["n", "patients"]].sum()
    return summed.reset_index().assign(kind=kind)


def _sizes(with_value: ir.Table, by_measure: pd.DataFrame) -> pd.DataFrame:
    import ibis

    size = (with_value.value.nullif(0).abs().log10() * 4).floor().cast("int64").cast("string")
    bin_ = ibis.cases((with_value.value < 0, "negative"), (with_value.value == 0, "zero"), else_=size)
    binned = with_value.mutate(bin=bin_)
    counted = binned.group_by("site", "measure", "bin").agg(n=binned.count()).to_pandas()
    enough = by_measure[by_measure["key"].notna() & (by_measure["patients"] >= FLOOR)]
    named: pd.DataFrame = counted.merge(enough[["site", "measure", "key", "patients"]], on=["site", "measure"])
    return named[["site", "n"]].assign(
        kind="value", key=named["key"].astype(str) + "|" + named["bin"].astype(str), patients=0
    )


def with_absent(counts: pd.DataFrame, sites: Collection[str], tables: Collection[str]) -> pd.DataFrame:
    """``counts`` with ``records`` 0 for each site and view of ``tables`` that has none: that nothing came counts."""
    import pandas as pd

    records = counts[counts["kind"] == "records"]
    there = set(zip(records["site"], records["table"], strict=True))
    rows = [
        (site, table, "records", "", 0, 0)
        for site in sites for table in VIEWS if table in tables and (site, table) not in there
    ]  # fmt: skip
    absent = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n": "int64", "patients": "int64"})
    whole = pd.concat([counts, absent], ignore_index=True) if rows else counts
    return whole.sort_values(["site", "table", "kind", "key"], kind="stable").reset_index(drop=True)


def taken_records(table: ir.Table, lists: Mapping[str, CodeList], con: Any = None) -> ir.Table:
    """(site, id) of the records that a list takes, by any of their codings or by words in their texts.

    ``con``: see :func:`mappings.codelists.matches`.
    """
    from mappings.codelists import matches, matches_text

    by_code = matches(table, "code_system", "code", lists, con=con).select("site", "id")
    worded = {name: made for name, made in lists.items() if made.words}
    if not worded:
        return by_code.distinct()
    texts = [column for column in _TEXTS if column in table.columns]
    by_text = matches_text(table, texts, worded).select("site", "id")
    return by_code.union(by_text).distinct()

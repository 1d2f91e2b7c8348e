"""The tables of a large hospital group as Parquet, written by DuckDB alone: the same bytes in every row each time.

Three sites, about ten rows a subject, ids as long as a UUID, a second coding in every twentieth record, and in each of
some errors one row in two hundred: a status outside FHIR's set, a record after the extract or before birth, a unit that
is none, a value nobody has, a record loaded twice.
"""

from __future__ import annotations

from pathlib import Path

SITES = 3
ROWS_OF: dict[str, float] = {
    "patient": 1.0,
    "encounter": 2.0,
    "condition": 1.0,
    "procedure": 0.8,
    "procedure_used": 0.2,
    "medication_administration": 1.0,
    "medication": 0.01,
    "device": 0.1,
    "observation": 3.0,
    "observation_value": 0.4,
    "observation_component": 0.3,
    "imaging_study": 0.1,
    "imaging_series": 0.1,
}
"""Rows a subject."""
_SNOMED, _LOINC, _UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"


def make(folder: Path, subjects: int) -> int:
    """Write one Parquet a view into ``folder``; the number of rows."""
    import ibis

    from mappings.catalogue import standard_views
    from mappings.compiler import compile_view

    folder.mkdir(parents=True, exist_ok=True)
    con = ibis.duckdb.connect()
    con.con.execute("SET preserve_insertion_order = false")
    rows = 0
    for view, share in ROWS_OF.items():
        schema = compile_view(standard_views()[view]).relation(con, []).schema()
        made = _columns(view, subjects)
        columns = [f"{made['site']} AS site"]
        for name, kind in schema.items():
            type_ = "VARCHAR" if kind.is_string() else "BOOLEAN" if kind.is_boolean() else "BIGINT"
            type_ = "DECIMAL(38, 9)" if kind.is_decimal() else type_
            columns.append(f"CAST({made.get(name, 'NULL')} AS {type_}) AS {name}")
        count = round(subjects * share)
        again = f"UNION ALL SELECT n, 1 AS coding FROM range({count}) r(n) WHERE n % 20 = 0" if "code" in made else ""
        source = f"(SELECT n, 0 AS coding FROM range({count}) r(n) {again})"
        # One record in two hundred repeats the one before it under its own id: t is what it tells.
        source = f"(SELECT n, coding, n - CASE WHEN n % 200 = 1 THEN 1 ELSE 0 END AS t FROM {source})"
        query = f"SELECT {', '.join(columns)} FROM {source}"
        (written,) = con.con.execute(f"COPY ({query}) TO '{folder / f'{view}.parquet'}' (FORMAT parquet)").fetchone()
        rows += int(written)
    con.disconnect()
    return rows


def _id(view: str, n: str) -> str:
    made = f"md5('{view}' || CAST({n} AS VARCHAR))"
    return f"substr({made}, 1, 8) || '-' || substr({made}, 9, 4) || '-' || substr({made}, 13, 20)"


def _at_site(view: str, count: int) -> str:
    """The id of one of ``count`` resources that lies at the site of the row."""
    each = max(1, count // SITES)
    return _id(view, f"((t % {each}) * {SITES} + t % {SITES}) % {max(1, count)}")


def _one_in(view: str, what: str, often: int) -> str:
    return f"(hash('{view}{what}' || CAST(t AS VARCHAR)) % {often} = 0)"


def _day(view: str) -> str:
    day = f"CAST(DATE '2015-01-01' + CAST(hash('{view}' || CAST(t AS VARCHAR)) % 3000 AS INTEGER) AS VARCHAR)"
    return (
        f"CASE WHEN {_one_in(view, 'future', 2000)} THEN '2027-01-01' WHEN {_one_in(view, 'early', 2000)} THEN '1900' "
        f"ELSE {day} || 'T10:00:00Z' END"
    )


def _status(view: str, usual: str) -> str:
    return f"CASE WHEN {_one_in(view, 'status', 2000)} THEN 'done' ELSE '{usual}' END"


def _columns(view: str, subjects: int) -> dict[str, str]:
    """SQL of a view's columns, by name; what is not named is null."""
    told = f"t % {subjects}"
    common = {
        "site": f"'site-' || CAST({told} % {SITES} AS VARCHAR)",
        "id": _id(view, "n"),
        "version": "'1'",
        "patient_id": _id("patient", told),
        "code_system": f"CASE WHEN coding = 1 THEN 'urn:local' ELSE '{_SNOMED}' END",
        "code": "CAST(1000 + t % 977 AS VARCHAR)",
        "code_text": "'what was found'",
    }
    coded = ("code_system", "code", "code_text")
    plain = {name: sql for name, sql in common.items() if name not in coded}
    day = _day(view)
    match view:
        case "patient":
            born = f"CAST(DATE '1930-01-01' + CAST(hash({told}) % 25000 AS INTEGER) AS VARCHAR)"
            died = "CASE WHEN n % 10 = 0 THEN '2021-05-05' END"
            return {**plain, "gender": "CASE WHEN n % 3 = 0 THEN 'male' ELSE 'female' END", "birth_date": born,
                    "deceased_date": died}  # fmt: skip
        case "encounter":
            times = {"period_start": day, "period_end": day}
            return {**plain, "status": _status(view, "finished"), "class_code": "'AMB'", **times}
        case "condition":
            status = {"clinical_status": "'active'", "verification_status": "'confirmed'"}
            return {**common, **status, "onset_date": day, "recorded_date": day}
        case "procedure":
            return {**common, "status": _status(view, "completed"), "performed_start": day, "performed_end": day}
        case "medication_administration":
            dose = {"dose_value": "t % 100", "dose_unit": "'mg'", "dose_unit_code": "'mg'"}
            given = {"medication_id": _at_site("medication", subjects // 100), "effective_start": day}
            return {**common, "status": _status(view, "completed"), **dose, **given}
        case "observation":
            unit = f"CASE WHEN {_one_in(view, 'unit', 200)} THEN 'pieces' ELSE 'g/dL' END"
            value = f"CASE WHEN t % 10 >= 8 THEN NULL WHEN {_one_in(view, 'value', 200)} THEN 150 ELSE 12 END"
            loinc = {"code_system": f"CASE WHEN coding = 1 THEN 'urn:local' ELSE '{_LOINC}' END"}
            quantity = {"value_quantity": value, "value_unit": unit, "value_unit_code": unit}
            return {
                **common, **loinc, "code": "CASE WHEN t % 4 = 0 THEN '718-7' ELSE CAST(t % 977 AS VARCHAR) END",
                "status": _status(view, "final"), "effective_date": day, "issued": day, **quantity,
                "value_unit_system": f"'{_UCUM}'", "performer_id": _id("performer", "t % 50"),
            }  # fmt: skip
        case "observation_value" | "observation_component":
            # Of every tenth observation, the eighth (coded) and the ninth (components).
            which = f"(n // {4 if view == 'observation_value' else 3}) * 10 + {8 if view == 'observation_value' else 9}"
            of = {"id": _id("observation", which), "patient_id": _id("patient", f"({which}) % {subjects}")}
            site = f"'site-' || CAST(({which}) % {subjects} % {SITES} AS VARCHAR)"
            numbers = {"value_quantity": "120", "value_unit": "'mmHg'", "value_unit_code": "'mm[Hg]'"}
            numbers = numbers if view == "observation_component" else {}
            return {**of, "site": site, "code_system": f"'{_LOINC}'", "code": "'8480-6'", **numbers}
        case "procedure_used":
            return {**plain, "id": _id("procedure", "n"), "device_id": _at_site("device", subjects // 10)}
        case "imaging_study":
            return {**plain, "status": "'available'", "started": day, "modality": "CASE WHEN n % 2 = 0 THEN 'CT' END"}
        case "imaging_series":
            return {**plain, "id": _id("imaging_study", "n"), "modality": "'CT'", "started": day}
        case _:
            return {**common}

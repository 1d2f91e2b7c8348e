"""ADEX: what was used and given in each session from the index on (``[treatment]``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.derive.dates import dates_of
from analysis.derive.facts import CODING, USABLE_STATUS, listed, with_medication_codes
from analysis.derive.index import SUBJECT, Cohort
from analysis.derive.levels import with_value
from mappings.codelists import CodeList

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from analysis.derive.inputs import Inputs
    from analysis.derive.tables import Framed
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Study
    from analysis.study.treatment import Drug

_DAY = [*SUBJECT, "rel"]


def exposure(
    inputs: Inputs, work: Workspace, study: Study, codes: Mapping[str, CodeList], cohort: Cohort, used: ir.Table
) -> pd.DataFrame | None:
    """One row a session day (``SESSION``) and each material, size and drug found in it; None without ``[treatment]``.

    ``used`` holds the codings of what was used in the sessions, by procedure (:func:`analysis.derive.arms.used`).
    Columns: site, patient_id, rel (days from the index), paramcd, item (the list), dose (in unit), unit. The dose of a
    drug on a day is the sum of its administrations, empty where one of them has no usable dose.
    """
    import pandas as pd

    asked = study.treatment
    if asked is None:
        return None
    done = cohort.sessions.filter(cohort.sessions.rel >= 0)
    sessions = work.keep(done.select(*SUBJECT, "rel", procedure="id").distinct())
    frames = [work.pandas(sessions.select(*_DAY).distinct()).assign(paramcd="SESSION")]
    for paramcd, names in (("MATERIAL", asked.materials), ("SIZE", asked.sizes)):
        if names:
            hits = listed(used, {name: codes[name] for name in names}).select("site", "procedure", item="list")
            found = sessions.join(hits.distinct(), ["site", "procedure"]).select(*_DAY, "item").distinct()
            frames.append(work.pandas(found).assign(paramcd=paramcd))
    if asked.drugs:
        every = with_medication_codes(inputs)
        usable = every.status.isin(USABLE_STATUS["medication_administration"]) & every.procedure_id.notnull()
        given = every.filter(usable).rename(procedure="procedure_id").semi_join(sessions, ["site", "procedure"])
        given = work.keep(given)  # else the joins run again for every drug
        frames += [_doses(work, codes, sessions, given, drug).assign(paramcd="DRUG") for drug in asked.drugs]
    made = pd.concat(frames, ignore_index=True).reindex(columns=[*_DAY, "paramcd", "item", "dose", "unit"])
    for column in ("item", "unit"):
        made[column] = made[column].astype("object").where(made[column].notna(), None)
    return made.assign(dose=made["dose"].astype("float64"))


def _doses(
    work: Workspace, codes: Mapping[str, CodeList], sessions: ir.Table, given: ir.Table, drug: Drug
) -> pd.DataFrame:
    import ibis

    rows = given.select(
        "site",
        "procedure",
        "id",
        *CODING,
        number=given.dose_value.cast("float64"),
        whole=ibis.null("int64"),
        unit=ibis.coalesce(given.dose_unit_code, given.dose_unit),
    )
    mine = work.keep(listed(rows, {drug.list_: codes[drug.list_]}).drop("list"))
    mine = work.keep(with_value(work, mine, drug.unit))
    work.count("treatment", mine, {f"{drug.list_}: no dose, or not in {drug.unit}": mine.value.isnull()})
    t = sessions.join(mine, ["site", "procedure"]).select(*_DAY, "id", "value")
    by = t.group_by(_DAY).aggregate(total=t.value.sum(), unknown=t.value.isnull().any())
    # A sum of floats depends on its order, which the engine chooses: rounded as the values are.
    told = by.select(*_DAY, dose=ibis.ifelse(by.unknown, ibis.null("float64"), by.total.round(9)))
    return work.pandas(told).assign(item=drug.list_, unit=drug.unit)


def adex(framed: Framed) -> pd.DataFrame | None:
    """USUBJID, TRT01A, PARAMCD (``SESSION``, ``MATERIAL``, ``SIZE``, ``DRUG``), AVALC (the list), AVAL, AVALU (dose),
    ASEQ (the session's number, a day being one session), ADT, ADY. Sorted by subject, session and list."""
    import pandas as pd

    t = framed.exposure
    if t is None:
        return None
    begun = t["USUBJID"].map(framed.subjects.set_index("USUBJID")["index_day"])
    made = pd.DataFrame(
        {
            "USUBJID": t["USUBJID"],
            "TRT01A": t["arm"].astype("object").where(t["arm"].notna(), None),
            "PARAMCD": t["paramcd"],
            "AVALC": t["item"],
            "AVAL": t["dose"],
            "AVALU": t["unit"],
            "ASEQ": t.groupby("USUBJID")["rel"].rank(method="dense").astype("Int64"),
            "ADT": dates_of(begun + t["rel"]),
            "ADY": t["rel"].astype("Int64"),
        }
    )
    order = framed.subjects[["USUBJID"]].reset_index(names="_at")
    place = made["PARAMCD"].map({"SESSION": 0, "MATERIAL": 1, "SIZE": 2, "DRUG": 3})
    made = made.assign(_place=place).merge(order, on="USUBJID")
    made = made.sort_values(["_at", "ASEQ", "_place", "AVALC"], kind="stable", ignore_index=True)
    return made.drop(columns=["_at", "_place"])

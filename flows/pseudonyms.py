"""From pseudonyms back to patients, which only who holds the key and the tables of a run can do."""

from __future__ import annotations

from flows.engines import connected
from flows.run_folder import RunFolder
from flows.steps.tables import tables_of

_VIEWS = ("patient", "procedure", "condition", "observation", "medication_administration", "encounter")


def patients_by_subject(run: RunFolder, key: bytes) -> dict[str, tuple[str, str]]:
    """Site and patient id of everybody in a run's tables, by USUBJID under a key."""
    from analysis.derive.pseudonym import usubjid

    known: set[tuple[str, str]] = set()
    with connected() as con:
        tables = tables_of(con, run)
        for view in (name for name in _VIEWS if name in tables):
            id_ = tables[view].id if view == "patient" else tables[view].patient_id
            frame = tables[view].select("site", one=id_).distinct().to_pandas().dropna()
            known |= set(zip(frame["site"], frame["one"], strict=True))
    return {usubjid(key, site, patient): (site, patient) for site, patient in known}

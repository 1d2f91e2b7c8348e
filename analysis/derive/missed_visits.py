"""The sensitivity analysis of events after missed visits: what was found long after the last assessment ends there.

Nobody looked in between, so that nobody knows when a progression came, or whether one did before the death (FDA,
Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics, 2018, appendix on progression-free survival).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.derive.references import references

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study.model import Sensitivity, Study

_SUBJECT = ["site", "patient_id"]
ASSESSED = "adequate assessment"


def missed_because(sensitivity: Sensitivity) -> str:
    """What stands in the rows that end at the last assessment."""
    return (
        sensitivity.text
        or f"Censored at the last assessment, more than {sensitivity.max_gap_days} days before the event"
    )


def censored_where_last_seen(
    study: Study, sensitivity: Sensitivity, subjects: pd.DataFrame, assessments: pd.DataFrame, times: pd.DataFrame
) -> pd.DataFrame:
    """``times`` with the events more than ``max_gap_days`` after the last assessment before them censored there.

    Frames as in `Framed`, times in days from the index. Only endpoints that are censored at their last adequate
    assessment; without one before the event that is day 0. CNSR is one above the study's own sources and competing
    events. An event without a time stays one: how long nobody had looked is not known.
    """
    import pandas as pd

    gap = sensitivity.max_gap_days
    assert gap is not None
    places = {
        endpoint.id: endpoint.competing_codes.stop
        for endpoint in study.endpoint
        if any(source.last == ASSESSED for source in endpoint.censors)
    }
    events = times.loc[times["cnsr"].eq(0) & times["aval"].notna() & times["paramcd"].isin(list(places))]
    looked = assessments.loc[assessments["adequate"].eq(True), [*_SUBJECT, "rel", "aseq", "id", "version", "precision"]]
    looked = looked.assign(srcref=references("Observation", looked["id"], looked["version"]))
    seen = events[[*_SUBJECT, "paramcd", "aval"]].reset_index(names="_row").merge(looked, on=_SUBJECT)
    seen = seen[seen["rel"] < seen["aval"]].sort_values(["rel", "aseq"]).groupby("_row").tail(1).set_index("_row")
    at = seen["rel"].reindex(events.index).fillna(0).astype("int64")
    at = at[events["aval"].astype("int64") - at > gap]
    known, never = at.index.intersection(seen.index), at.index.difference(seen.index)

    made = times.astype({"cnsr": "int64"})  # an engine may give a narrower one
    why = missed_because(sensitivity)
    indexed = made.loc[at.index, _SUBJECT].merge(subjects, on=_SUBJECT, how="left").set_index(at.index)
    made.loc[at.index, "aval"] = at
    made.loc[at.index, "day"] = indexed["index_day"].astype("int64") + at
    made.loc[at.index, "cnsr"] = made.loc[at.index, "paramcd"].map(places).astype("int64")
    made.loc[at.index, ["evntdesc", "cnsdtdsc"]] = why
    made.loc[known, ["srcdom", "srcvar"]] = ["ADRS", "ADT"]
    for column, source in (("srcseq", "aseq"), ("srcref", "srcref"), ("precision", "precision")):
        made.loc[known, column] = seen.loc[known, source]
    made.loc[never, ["srcdom", "srcvar"]] = ["ADSL", "TRTSDT"]
    made.loc[never, "srcseq"] = pd.NA
    procedures = references("Procedure", indexed["index_id"], indexed["index_version"])
    made.loc[never, "srcref"] = procedures.loc[never]
    made.loc[never, "precision"] = indexed.loc[never, "index_precision"]
    return made

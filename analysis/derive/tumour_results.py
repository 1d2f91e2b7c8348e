"""ADTR: the sum of the viable diameters at each visit, and what each visit derives to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.derive.dates import dates_of
from analysis.derive.references import references

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive.tables import Framed


def tumour_results(framed: Framed) -> pd.DataFrame | None:
    """One row a subject and visit, or None without lesion measurements.

    USUBJID, TRT01A, PARAMCD (``SUMDIAM``), ADT, ADY, AVAL (mm; empty where a target is missing), BASE, CHG and PCHG (%
    of the baseline), NADIR (the smallest sum before) and PCHGN (% of it), NTARGET (targets at baseline), TRGRESP,
    NTRGRESP (``none``: the subject has no such lesion), NEWSITE and NEWELSE (new lesion at the study's site, or
    elsewhere; Y, N), AVALC (overall), SRCREF (one Observation of the visit). Sorted by subject and day.
    """
    import pandas as pd

    m = framed.measured
    if m is None:
        return None
    begun = m["USUBJID"].map(framed.subjects.set_index("USUBJID")["index_day"])
    change, growth = m["total"] - m["base"], m["total"] - m["nadir"]
    made = pd.DataFrame(
        {
            "USUBJID": m["USUBJID"],
            "TRT01A": m["arm"].astype("object").where(m["arm"].notna(), None),
            "PARAMCD": "SUMDIAM",
            "ADT": dates_of(begun + m["rel"]),
            "ADY": m["rel"].astype("Int64"),
            "AVAL": m["total"].astype("float64"),
            "BASE": m["base"].astype("float64"),
            "CHG": change.astype("float64"),
            "PCHG": (100 * change / m["base"]).astype("float64"),
            "NADIR": m["nadir"].astype("float64"),
            "PCHGN": (100 * growth / m["nadir"].where(m["nadir"] > 0)).astype("float64"),
            "NTARGET": m["n_targets"].astype("int64"),
            "TRGRESP": m["target"],
            "NTRGRESP": m["non_target"],
            "NEWSITE": m["new"].map({True: "Y", False: "N"}).astype("object"),
            "NEWELSE": m["elsewhere"].map({True: "Y", False: "N"}).astype("object"),
            "AVALC": m["level"],
            "SRCREF": references("Observation", m["id"], m["version"]),
        }
    )
    order = framed.subjects[["USUBJID"]].reset_index(names="_at")
    made = made.merge(order, on="USUBJID").sort_values(["_at", "ADY"], kind="stable", ignore_index=True)
    return made.drop(columns="_at")

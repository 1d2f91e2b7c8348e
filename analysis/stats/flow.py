"""The study flow: who was screened, who left at which first reason, who is analysed in which arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.stats.rows import Rows
from analysis.study.exclusions import exclusion_reasons as exclusion_reasons
from analysis.study.model import Study

if TYPE_CHECKING:
    import pandas as pd


def add_flow(rows: Rows, study: Study, adsl: pd.DataFrame) -> None:
    """Rows of ``flow``. A reason that removed nobody has its row with 0; reasons the data bring (checks) follow."""
    screened = len(adsl)
    analysed = adsl["ANL01FL"] == "Y"
    reasons = adsl.loc[~analysed, "EXCLRSN"]
    rows.add("flow", "screened", "n", screened, n=screened)
    rows.add("flow", "excluded", "n", int((~analysed).sum()), n=screened)
    planned = exclusion_reasons(study)
    found = sorted(set(reasons.dropna().astype(str)) - set(planned))
    for reason in (*planned, *found):
        rows.add("flow", reason, "n", int((reasons == reason).sum()), n=screened)
    unnamed = int(reasons.isna().sum())
    if unnamed:
        rows.add("flow", "no-reason", "n", unnamed, n=screened, warning="excluded without a reason")
    rows.add("flow", "analysed", "n", int(analysed.sum()), n=screened)
    for arm in study.arm:
        rows.add("flow", "analysed", "n", int((analysed & (adsl["TRT01A"] == arm.label)).sum()), group=arm.label)

"""The whole comparison as one long table. Columns and ids: docs/architecture.md; methods: docs/statistics.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.stats.adverse_events import add_adverse_events
from analysis.stats.agreement import add_agreement
from analysis.stats.baseline import add_baseline
from analysis.stats.bootstrap_rows import add_bootstrap
from analysis.stats.cohort import Cohort
from analysis.stats.competing_rows import add_competing
from analysis.stats.cox_rows import add_cox
from analysis.stats.e_value import add_e_values
from analysis.stats.flow import add_flow
from analysis.stats.response import add_response
from analysis.stats.response_landmark_rows import add_response_landmarks
from analysis.stats.restricted_rows import add_landmarks, add_restricted_means
from analysis.stats.rows import Rows
from analysis.stats.sensitivity import add_alpha_crossing, add_sensitivity
from analysis.stats.source_agreement import add_response_agreement, add_source_agreement
from analysis.stats.strata_rows import add_robust, add_within_strata
from analysis.stats.time_to_event import add_time_to_event
from analysis.stats.treatment import add_treatment
from analysis.stats.weighting_rows import add_weighting
from analysis.study.model import Study
from mappings.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd


def analyse(
    study: Study,
    adsl: pd.DataFrame,
    adrs: pd.DataFrame,
    adtte: pd.DataFrame,
    analysis_table: pd.DataFrame,
    variants: Mapping[str, pd.DataFrame] | None = None,
    adex: pd.DataFrame | None = None,
    adae: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Compare the arms of the study: one row a statistic, unrounded, sorted by id.

    ``variants`` maps the id of a sensitivity set that changes subjects or times to its own analysis table. Raises
    UnusableDataError for an empty cohort, an empty arm, or tables that contradict each other; everything else that
    cannot be given is a row with the warning ``NE: <reason>``.
    """
    cohort = Cohort(study, analysis_table)
    analysed = set(analysis_table["USUBJID"])
    _check_tables_agree(study, adsl, adtte, analysis_table)
    rows = Rows()
    add_flow(rows, study, adsl)
    add_baseline(rows, cohort)
    add_treatment(rows, study, adex, analysis_table)
    add_adverse_events(rows, study, adae, analysis_table)
    add_response(rows, cohort, adrs, analysed)
    add_agreement(rows, study, adrs, analysed)
    add_source_agreement(rows, study, adsl)
    add_response_agreement(rows, study, adrs, analysed)
    for endpoint in study.endpoint:
        add_time_to_event(rows, cohort, endpoint.id)
        add_landmarks(rows, cohort, endpoint.id)
        add_restricted_means(rows, cohort, endpoint.id)
        add_competing(rows, cohort, endpoint.id)
        add_cox(rows, cohort, endpoint.id)
        add_bootstrap(rows, cohort, endpoint.id)
        add_within_strata(rows, cohort, endpoint.id)
        add_robust(rows, cohort, endpoint.id)
        add_response_landmarks(rows, cohort, adrs, endpoint.id)
    add_sensitivity(rows, study, cohort, variants or {})
    add_weighting(rows, cohort)
    add_e_values(rows, study, rows.frame())
    add_alpha_crossing(rows, study, rows.frame())
    return rows.frame()


def _check_tables_agree(study: Study, adsl: pd.DataFrame, adtte: pd.DataFrame, analysis_table: pd.DataFrame) -> None:
    """The wide table must be ADSL's analysed subjects with ADTTE's times: nothing may slip between them."""
    analysed = set(adsl.loc[adsl["ANL01FL"] == "Y", "USUBJID"])
    if len(analysis_table) != len(analysed) or set(analysis_table["USUBJID"]) != analysed:
        raise UnusableDataError("ADSL and the analysis table do not hold the same analysed subjects, each once")
    for endpoint in study.endpoint:
        long = adtte[(adtte["PARAMCD"] == endpoint.id) & adtte["USUBJID"].isin(list(analysed))]
        left = long.set_index("USUBJID")[["AVAL", "CNSR"]].sort_index()
        wide = analysis_table.set_index("USUBJID")[[f"{endpoint.id}_AVAL", f"{endpoint.id}_CNSR"]].sort_index()
        wide.columns = left.columns
        same = left.index.equals(wide.index) and bool(
            ((left.astype("Float64") == wide.astype("Float64")) | (left.isna() & wide.isna()))
            .fillna(False)
            .all(axis=None)
        )
        if not same:
            raise UnusableDataError(f"ADTTE and the analysis table disagree on {endpoint.id}")

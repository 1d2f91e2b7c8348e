"""On which side of alpha a P value lies does not leave where the P itself does not. Oracle: docs/statistics.md."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.stats.disclosure import suppress
from tests.fixtures.sample_frames import sample_results

GROUP = "DEB-TACE vs cTACE"


def _crossing(results: pd.DataFrame, outcome: str) -> pd.Series:
    return results.set_index("id").loc[f"alpha_crossing.{outcome}..{GROUP}.n."]


def _tests(results: pd.DataFrame, outcome: str) -> pd.DataFrame:
    of = (results["parameter"] == outcome) & results["variable"].isin(["cox_univariate", "logrank"])
    of |= (results["parameter"] == "response") & (results["variable"] == outcome)
    of |= results["parameter"].str.startswith("sensitivity:") & (results["variable"] == outcome)
    return results[of & (results["statistic"] == "p") & (results["group"] == GROUP)]


@pytest.mark.parametrize("outcome", ["PFS", "OS", "orr", "dcr"])
@pytest.mark.parametrize("min_count", [2, 3, 5, 9])
def test_a_crossing_goes_with_any_p_it_counts(outcome: str, min_count: int) -> None:
    results = sample_results()
    assert len(_tests(results, outcome)) > 1
    shown = suppress(results, min_count)
    if _tests(shown, outcome)["warning"].eq("suppressed").any():
        row = _crossing(shown, outcome)
        assert pd.isna(row["value"])
        assert row["warning"] == "suppressed"


def test_both_kinds_are_there() -> None:
    """The rule is seen at work: the sample's response rates of sets never leave, its endpoints' P values do at 2."""
    shown = suppress(sample_results(), 2)
    assert _tests(shown, "orr")["warning"].eq("suppressed").any()
    assert not _tests(shown, "OS")["warning"].eq("suppressed").any()
    assert _crossing(shown, "OS")["value"] == _crossing(sample_results(), "OS")["value"]

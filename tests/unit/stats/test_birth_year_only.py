"""What generalising dates before the derivation would do to the sample study. Oracles: R survival's coxph on cohort.csv
(``Surv(pfs_days, pfs_event) ~ treatment + age``), the paper's P of 0.021."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.stats.cohort import Cohort
from analysis.stats.estimates import NotEstimable
from analysis.stats.models import Fitter
from analysis.stats.stepwise import removal_p
from analysis.stats.terms import model_terms
from tests.fixtures.sample_frames import sample_frames, sample_study


def _by_birth_year(table: pd.DataFrame) -> pd.DataFrame:
    """P14's birthday falls after the index day: by the years alone this subject is 60 and not 59."""
    age = table["age"] + table["USUBJID"].eq("P14")
    return table.assign(age=age, age_cat=(age >= 60).map({False: "<60", True: ">=60"}))


@pytest.mark.parametrize(("generalised", "p"), [(False, 0.021349394), (True, 0.090642988)])
def test_age_from_the_birth_year_alone_changes_the_answer(generalised: bool, p: float) -> None:
    table = sample_frames().analysis_table
    cohort = Cohort(sample_study(), _by_birth_year(table) if generalised else table)
    terms = {term.id: term for term in model_terms(cohort)}
    fitter = Fitter(cohort.endpoint("PFS"), complete=list(terms.values()))
    found = removal_p(fitter, [terms["treatment"], terms["age"]], terms["age"], "efron", "wald")
    assert not isinstance(found, NotEstimable)
    assert found == pytest.approx(p, rel=1e-6)

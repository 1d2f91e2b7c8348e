"""The rows of agreement and over the sites. Oracle: counted by hand from the few assessments below."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.stats.agreement import add_agreement
from analysis.stats.results import analyse
from analysis.stats.rows import Rows
from analysis.stats.stratified import cochran_mantel_haenszel
from tests.fixtures.sample_frames import sample_frames, sample_study

DAY = pd.Timestamp("2020-05-01")


def _assessment(who, reader, level, origin="recorded", day=DAY, accepted="N", last="Y", at="Y", param="OVRLRESP"):
    made = {"USUBJID": who, "ADT": day, "READER": reader, "AVALC": level, "ORIGIN": origin, "ACCEPTED": accepted}
    return {**made, "LASTFL": last, "SITEFL": at, "PARAMCD": param}


def _rows(*assessments):
    rows = Rows()
    frame = pd.DataFrame(assessments)
    add_agreement(rows, sample_study(), frame, {"a", "b", "c"})
    return rows.frame().set_index("id")["value"]


def test_two_readers_and_who_decided():
    found = _rows(
        _assessment("a", "reader-1", "PR"),
        _assessment("a", "reader-2", "PR"),
        _assessment("b", "reader-1", "SD"),
        _assessment("b", "reader-2", "PR"),
        _assessment("b", "reader-3", "PR"),
        _assessment("c", "reader-1", "PD"),
        _assessment("c", "reader-2", "SD"),
        _assessment("c", "reader-2", "PD", last="N"),  # an earlier record of that reader
        _assessment("c", "reader-1", "PD", at="N", day=DAY + pd.Timedelta(days=1)),  # of another body site
        _assessment("d", "reader-1", "PD"),  # not analysed
        _assessment("d", "reader-2", "SD"),
    )
    assert found["agreement.readers..total.n."] == 3
    assert found["agreement.readers.SD/PR.total.count."] == 1
    assert found["agreement.readers.agree.total.count."] == 1
    told = {name: found[f"agreement.adjudication.{name}.total.count."] for name in ("disagreed", "as_second")}
    assert told == {"disagreed": 2, "as_second": 1}
    assert found["agreement.adjudication.not_adjudicated.total.count."] == 1


def test_recorded_against_derived():
    later = DAY + pd.Timedelta(days=60)
    found = _rows(
        _assessment("a", "reader-1", "PR", accepted="Y"),
        _assessment("a", "reader-1", "SD", "derived", accepted="Y", param="DRVRESP"),
        _assessment("b", "reader-1", "NE", accepted="Y"),
        _assessment("b", "reader-1", "SD", "derived", accepted="Y", param="DRVRESP"),
        _assessment("b", "reader-1", "PD", "derived", accepted="Y", param="DRVRESP", day=later),
        _assessment("a", None, "PR", None, accepted="Y", param="BOR"),
        _assessment("a", None, "SD", None, accepted="Y", param="DRVBOR"),
    )
    assert found["agreement.recorded_derived.PR/SD.total.count."] == 1
    assert found["agreement.recorded_derived.not_evaluable.total.count."] == 1
    assert found["agreement.recorded_derived.only_derived.total.count."] == 1
    assert found["agreement.recorded_derived..total.n."] == 1
    assert found["agreement.best_recorded_derived.PR/SD.total.count."] == 1


def test_over_two_sites_as_the_function_gives_it():
    f = sample_frames()
    table = f.analysis_table.sort_values("USUBJID", ignore_index=True)
    table["SITEID"] = ["north" if i % 3 else "south" for i in range(len(table))]
    adsl = f.adsl.assign(SITEID="north")
    found = analyse(sample_study(), adsl, f.adrs, f.adtte, table).set_index("id")["value"]
    strata = []
    for site in ("north", "south"):
        counts = []
        for arm in ("DEB-TACE", "cTACE"):
            best = table.loc[(table["SITEID"] == site) & (table["TRT01A"] == arm), "BOR"]
            counts += [int(best.isin(["CR", "PR"]).sum()), len(best)]
        strata.append(tuple(counts))
    told = cochran_mantel_haenszel(strata)
    pair = "response.orr..DEB-TACE vs cTACE"
    assert found[f"{pair}.p.cmh"] == pytest.approx(told.p)
    assert found[f"{pair}.difference.mantel_haenszel_rd"] == pytest.approx(100 * told.difference[0])
    assert found[f"{pair}.odds_ratio.mantel_haenszel_or"] == pytest.approx(told.odds_ratio[0])


def test_assessments_by_modality():
    f = sample_frames()
    adrs = f.adrs.assign(IMGMOD="CT")
    adrs.loc[adrs["TRT01A"] == "cTACE", "IMGMOD"] = "MR"
    found = analyse(sample_study(), f.adsl, adrs, f.adtte, f.analysis_table).set_index("id")["value"]
    told = {
        (arm, kind): found[f"imaging.modality.{kind}.{arm}.count."]
        for arm in ("DEB-TACE", "cTACE")
        for kind in ("CT", "MR")
    }
    assert told == {("DEB-TACE", "CT"): 11, ("DEB-TACE", "MR"): 0, ("cTACE", "CT"): 0, ("cTACE", "MR"): 11}

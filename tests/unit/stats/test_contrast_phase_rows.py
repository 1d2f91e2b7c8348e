"""The rows of contrast phases. Oracle: counts by hand, and docs/architecture.md, "Results"."""

from __future__ import annotations

import pytest

from analysis.stats.disclosure import suppress
from analysis.stats.results import analyse
from tests.fixtures.sample_frames import sample_frames, sample_study

ARMS = ("DEB-TACE", "cTACE")


@pytest.fixture(scope="module")
def results():
    f = sample_frames()
    first = f.adrs.index[(f.adrs["PARAMCD"] == "OVRLRESP") & (f.adrs["TRT01A"] == "DEB-TACE")][:3]
    adrs = f.adrs.assign(IMGPHASE="arterial + portal venous")
    adrs.loc[first[0], "IMGPHASE"] = "arterial"
    adrs.loc[first[1], "IMGPHASE"] = None
    adrs.loc[first[2], ["IMAGING", "IMGPHASE"]] = ["N", None]
    return analyse(sample_study(), f.adsl, adrs, f.adtte, f.analysis_table)


def test_a_scan_counts_under_each_of_its_phases(results):
    found = results.set_index("id")["value"]
    told = {level: [found[f"imaging.phase.{level}.{arm}.count."] for arm in ARMS] for level in levels(results)}
    assert told == {"arterial": [9, 11], "portal venous": [8, 11], "unknown": [1, 0]}


def levels(results):
    return sorted(set(results.loc[(results["parameter"] == "imaging") & (results["variable"] == "phase"), "level"]))


def test_the_phases_go_whole_where_counts_are_suppressed(results):
    out = suppress(results, 5)
    phases = out[(out["parameter"] == "imaging") & (out["variable"] == "phase")]
    assert len(phases) == 6
    assert phases["value"].isna().all()
    assert set(phases["warning"]) == {"suppressed"}

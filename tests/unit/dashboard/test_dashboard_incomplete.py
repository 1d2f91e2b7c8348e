"""A run in which a site did not land whole. Oracle: sentences and cells written by hand for made-up runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.dashboard import verdict
from analysis.dashboard.closer import freshness
from analysis.dashboard.gate import gate_words, gates
from analysis.dashboard.grid import grid
from analysis.dashboard.history import History
from analysis.dashboard.page import render
from analysis.dashboard.profiles import profiles
from analysis.dashboard.summary import site_rows
from analysis.dashboard.unmapped import unmapped
from analysis.dashboard.volume import falls
from tests.fixtures.page_reader import PageReader
from tests.fixtures.quality_history import NOTHING, NOW, history, lines

Missing = Mapping[str, Mapping[str, int]]
LABEL = "Klinikum am Großen Wald, Standort Mitte"


def _ended(made: History, missing: Missing, code: float | None = 6, back: int = 1) -> History:
    """The history with one run, ``back`` from the end, that ended so."""
    at = len(made.runs) - back
    codes: list[float | None] = [0] * len(made.runs)
    codes[at] = code
    said: list[Missing] = [{}] * len(made.runs)
    said[at] = missing
    return replace(made, runs=made.runs.assign(exit_code=codes, missing=said))


def _landed_nothing(missing: Missing, back: int = 1) -> History:
    """Six quiet nights of three sites, in one of which site2 was left out: no check of it ran, nothing was counted."""
    made = history(runs=6, planted=NOTHING)
    run = made.runs["run"].iloc[-back]
    kept = {
        name: frame[(frame["run"] != run) | (frame["site"] != "site2")]
        for name, frame in (("checks", made.checks), ("profile", made.profile), ("subjects", made.subjects))
    }
    return _ended(replace(made, **kept), missing, back=back)


def _landed_half(missing: Missing) -> History:
    """As before, but analysed all the same (``--allow-incomplete``), with half of its observations."""
    made = history(runs=6, planted=NOTHING)
    profile = made.profile.copy()
    here = (profile["run"] == made.runs["run"].iloc[-1]) & (profile["site"] == "site2")
    profile.loc[here & (profile["table"] == "observation"), "n"] //= 2
    return _ended(replace(made, profile=profile), missing)


def _notes(made: History) -> list[str]:
    found = grid(made)
    return verdict.notes(made, found, gates(found, profiles(made.profile, found)), NOW)


MISSING = {"site2": {"Observation": 2, "Procedure": 1, "": 1}}
WHAT = "missing: 2 pieces of Observation, 1 piece of Procedure, something else"


def test_a_site_left_out_is_told_with_types_and_counts() -> None:
    made = _landed_nothing(MISSING)
    assert _notes(made) == [f"The run ended incomplete: {LABEL} did not land whole ({WHAT}) and is not used."]
    found = grid(made)
    gate = gates(found, profiles(made.profile, found))[2]
    assert (gate.state, gate.whole, gate_words(gate).flag) == ("nothing", False, "did not land whole")


def test_a_site_used_as_far_as_it_landed_is_told() -> None:
    made = _landed_half(MISSING)
    assert _notes(made) == [
        f"The run ended incomplete: {LABEL} did not land whole ({WHAT}) and is used as far as it landed."
    ]
    found = grid(made)
    all_of_them = gates(found, profiles(made.profile, found))
    assert [gate.state for gate in all_of_them] == ["open"] * 3
    assert [gate_words(gate).flag for gate in all_of_them] == ["", "", "did not land whole"]
    assert (verdict.sentence(all_of_them), verdict.state(all_of_them)) == ("3 of 3 sites: yes", "some")
    assert [gate.shown for gate in all_of_them] == ["open", "open", "overridden"]


def test_a_site_that_was_not_reached_has_no_types() -> None:
    (note,) = _notes(_landed_nothing({"site2": {"": 1}}))
    assert note == f"The run ended incomplete: {LABEL} did not land whole and is not used."


def test_codes_are_not_counted_in_a_run_that_lacks_a_site_of_theirs() -> None:
    made = _landed_nothing(MISSING, back=2)
    codes = unmapped(made.profile, grid(made), 5).codes
    assert len(codes) == 10
    for code in codes:
        assert np.isnan(code.course).tolist() == [False] * 4 + [True, False]
    alone = made.profile[made.profile["site"] != "site2"]
    assert not np.isnan(unmapped(alone, grid(made), 5).codes[0].course).any()


@pytest.mark.parametrize(
    ("course", "text", "flag"),
    [
        ("ps", "held", "data are not used; did not land whole"),
        ("po", "overridden until 31 Dec 2026", "did not land whole"),
        ("pp", "open", "did not land whole"),
        ("p.", "nothing to use", "did not land whole"),
    ],
)
def test_every_gate_says_it(course: str, text: str, flag: str) -> None:
    made = _ended(lines({("a", "t", "site0"): course, ("a", "t", "site1"): "pp"}), {"site0": {"Patient": 1}})
    found = grid(made)
    words = gate_words(gates(found, profiles(made.profile, found))[0])
    assert (words.text, words.flag) == (text, flag)


@pytest.mark.parametrize("made", [_landed_nothing(MISSING), _landed_half(MISSING)], ids=["left out", "used"])
def test_what_was_not_fetched_is_not_lost(made: History) -> None:
    found = grid(made)
    counts = profiles(made.profile, found)
    assert np.isnan(counts.records[2, :, -1]).all()
    assert not np.isnan(counts.records[:2, :, -1]).any()
    assert falls(counts) == []
    row = site_rows(made, found, counts, gates(found, counts), NOW)[2]
    assert (row.volume.text, row.volume.flag, row.volume.note) == ("not counted", "", "did not land whole")
    assert (row.newest.text, row.newest.flag, row.newest.note) == ("25 Nov", "", "before this run")
    assert {(line[2].text, line[2].flag) for line in freshness(counts, NOW)} == {("25 Nov", "did not land whole")}
    text = PageReader(render(made, NOW)).elements[0].text
    assert "of expected since" not in text
    assert "No table of any site lost more than 5 % of its records since the last run." in text


def test_the_run_after_an_incomplete_one_is_held_against_those_before() -> None:
    made = _landed_nothing(MISSING, back=2)
    found = grid(made)
    counts = profiles(made.profile, found)
    assert _notes(made) == []
    assert falls(counts) == []
    row = site_rows(made, found, counts, gates(found, counts), NOW)[2]
    assert (row.volume.flag, row.newest.text) == ("", "26 Nov")
    assert row.volume.note.endswith("% of expected")


def test_more_sites_than_can_be_named_are_counted() -> None:
    made = _ended(history(sites=8, runs=3, planted=NOTHING), {f"site{at}": {"Patient": 1} for at in range(8)})
    (note,) = _notes(made)
    assert note.count("did not land whole (missing: 1 piece of Patient) and is used as far as it landed") == 5
    assert note.endswith("; and 3 more sites.")


@pytest.mark.parametrize(
    ("code", "notes"),
    [
        (0, []),
        (5, []),  # the gate of each site says it
        (6, ["The run ended incomplete."]),
        (4, ["The run ended with exit code 4 after its checks."]),
        (70, ["The run ended with exit code 70 after its checks."]),
        (None, ["The run has not come to its end: what stands here is what its checks found."]),
    ],
)
def test_how_the_run_ended_is_told(code: float | None, notes: list[str]) -> None:
    made = history(runs=3, planted=NOTHING)
    assert _notes(_ended(made, {}, code)) == notes
    runs = pd.DataFrame(_ended(made, {}, code).runs.drop(columns="missing"))
    assert _notes(replace(made, runs=runs)) == notes

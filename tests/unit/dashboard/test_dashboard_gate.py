"""Can today's data be used, and how old are they. Oracle: courses and instants written by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from analysis.dashboard import clock, verdict
from analysis.dashboard.gate import gate_words, gates
from analysis.dashboard.grid import Grid, grid
from analysis.dashboard.history import History
from analysis.dashboard.profiles import Profiles, profiles
from tests.fixtures.quality_history import NEWEST, NOW, history, iso, lines

A, B, STUDY = ("check", "t", "site0"), ("check", "t", "site1"), ("whole", "t", "")


def _read(made: History) -> tuple[Grid, Profiles]:
    found = grid(made)
    return found, profiles(made.profile, found)


@pytest.mark.parametrize(
    ("courses", "states", "said"),
    [
        ({A: "pp", B: "pp"}, ["open", "open"], "2 of 2 sites: yes"),
        ({A: "pf", B: "pe"}, ["open", "open"], "2 of 2 sites: yes"),  # what fails without stopping holds nobody
        ({A: "ps", B: "pp"}, ["held", "open"], "1 of 2 sites: yes"),
        ({A: "sp", B: "pp"}, ["open", "open"], "2 of 2 sites: yes"),
        ({A: "po", B: "pp"}, ["overridden", "open"], "2 of 2 sites: yes"),
        ({A: "ps", B: "ps"}, ["held", "held"], "no: none of 2 sites"),
        ({A: "pp", B: "pp", STUDY: "ps"}, ["held", "held"], "no: none of 2 sites"),
        ({A: "pp", B: "pp", STUDY: "po"}, ["open", "open"], "2 of 2 sites: yes"),
        ({A: "pp", B: "p."}, ["open", "nothing"], "1 of 2 sites: yes"),
        ({A: "pp", B: "pn"}, ["open", "open"], "2 of 2 sites: yes"),
    ],
)
def test_the_gate_of_each_site_and_the_line_above(
    courses: dict[tuple[str, str, str], str], states: list[str], said: str
) -> None:
    found = gates(*_read(lines(courses)))
    assert [gate.state for gate in found] == states
    assert verdict.sentence(found) == said


def test_one_site_is_not_counted() -> None:
    made = lines({A: "pp"})
    assert verdict.sentence(gates(*_read(replace(made, sites={"site0": "North"})))) == "yes"
    made = lines({A: "ps"})
    assert verdict.sentence(gates(*_read(replace(made, sites={"site0": "North"})))) == "no"


def test_a_site_that_sends_no_record_has_nothing_to_use() -> None:
    """Nothing stops: the checks do not apply to what is not there."""
    made = history(runs=6)
    quiet = made.checks["site"].eq("site2") & made.checks["run"].eq(made.runs["run"].iloc[-1])
    checks = made.checks.assign(stops=made.checks["stops"] & ~quiet)
    assert [gate.state for gate in gates(*_read(replace(made, checks=checks)))] == ["open", "open", "nothing"]


def test_an_override_says_until_when_and_by_whom() -> None:
    (gate, _) = gates(*_read(lines({A: "po", B: "pp"})))
    words = gate_words(gate)
    assert words.text == "overridden until 31 Dec 2026"
    assert words.note == "Dr A. Example, until 2026-12-31: agreed"


@pytest.mark.parametrize(
    ("hours", "words", "late"),
    [
        (0, "just now", False), (1 / 60, "1 minute ago", False), (1.5, "90 minutes ago", False),
        (5, "5 hours ago", False), (29, "29 hours ago", False), (31, "31 hours ago", True), (50, "2 days ago", True),
        (-1, "just now", False),
    ],
)  # fmt: skip
def test_the_age_in_words_and_when_the_next_run_is_late(hours: float, words: str, late: bool) -> None:
    """Runs are a day apart: a quarter more is granted."""
    found = verdict.age(grid(history(runs=5)), NEWEST + timedelta(hours=hours))
    assert (found.words, found.late) == (words, late)


def test_a_single_run_is_never_late() -> None:
    found = verdict.age(grid(history(runs=1)), NEWEST + timedelta(days=400))
    assert (found.late, found.usual) == (False, None)


@pytest.mark.parametrize(
    ("starts", "usual"),  # minutes from the first run on
    [
        ([0, 3], None),
        ([0, 3, 8], None),
        ([0, 60], "60 minutes"),
        ([0, 1440], "24 hours"),
        ([0, 1440, 1443, 1450, 2880], "24 hours"),  # made anew twice on the second day
        ([0, 5, 10, 1440, 1445, 1450, 2880, 2885, 2890], "24 hours"),
        ([0, 10080, 20160], "7 days"),
    ],
)
def test_runs_made_anew_within_minutes_do_not_make_the_next_one_late(starts: list[int], usual: str | None) -> None:
    times = [NEWEST - timedelta(minutes=starts[-1] - at) for at in starts]
    made = history(runs=len(starts))
    made = replace(made, runs=made.runs.assign(started=[iso(when) for when in times]))
    found = verdict.age(grid(made), NEWEST + timedelta(minutes=70))
    assert found.usual_words == (usual or "")
    assert (found.usual is None) is (usual is None)
    assert not found.late


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a minute"), (59, "less than a minute"), (60, "1 minute"), (7199, "119 minutes"), (7200, "2 hours"),
     (86400, "24 hours"), (172800, "2 days")],
)  # fmt: skip
def test_a_time_that_passes_in_words(seconds: float, words: str) -> None:
    assert clock.length(seconds) == words


def test_times_are_those_of_the_reader() -> None:
    from datetime import timezone

    east = NOW.astimezone(timezone(timedelta(hours=8)))
    assert verdict.age(grid(history(runs=2)), east).run == "27 Nov 10:14"
    assert clock.zone(east) == "UTC+08:00"
    assert clock.zone(NOW) == "UTC"


def test_a_later_run_without_results_is_told() -> None:
    made = history(runs=3)
    last = made.runs.iloc[-1].to_dict()
    later = {**last, "run": "later", "started": "2026-11-27T03:00:00Z", "exit_code": 3, "outcome": "error"}
    earlier = {**last, "run": "earlier", "started": "2026-11-20T03:00:00Z", "exit_code": 3}
    runs = pd.concat([made.runs, pd.DataFrame([later, earlier])], ignore_index=True)
    made = replace(made, runs=runs, left_out=2)
    found = grid(made)
    assert verdict.notes(made, found, gates(found, profiles(made.profile, found)), NOW) == [
        "A later run, of 27 Nov 03:00, ended with exit code 3 before its checks: what stands here is older.",
        "2 runs of other sources are left out: they cannot be compared.",
    ]

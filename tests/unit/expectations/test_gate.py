"""The gate: shares stop, single records drop. Oracle: the decision written beside each case."""

from datetime import date

import pytest

from expectations.gate import Override, verdict
from expectations.model import Check, Finding
from expectations.outcomes import outcome, status

TODAY = date(2026, 11, 27)


def check(action="drop", scope="site", threshold=0.0, stop_above=None, id_="asked"):
    return Check(
        id=id_, table="t", category="completeness", severity="critical", action=action, scope=scope,
        threshold=threshold, stop_above=stop_above, reason="because", consequence="so",
        rule={"kind": "not_null", "column": "day"},
    )  # fmt: skip


LIMIT = check("stop", "study", 2.0, id_="limit")


def judged(asked, numerator=1, denominator=50, site="north", keys=("a",), error=""):
    return outcome(asked, Finding(asked.id, "t", denominator, numerator, error=error, site=site), keys)


SCREENED = {"north": [*"abcdex", *(f"n{n}" for n in range(94))], "south": [f"s{n}" for n in range(100)]}


def decide(*outcomes, screened=SCREENED, overrides=(), limit=LIMIT):
    return verdict(outcomes, screened, limit, overrides, TODAY)


def test_single_records_drop_their_subjects_and_nothing_stops():
    said = decide(judged(check()))
    assert (dict(said.dropped), dict(said.held), said.stops) == ({"a": "asked"}, {}, ())


def test_a_share_of_dropped_subjects_stops_the_study():
    said = decide(judged(check(), keys=("a", "b", "c", "d", "e")))
    assert said.stops == ("asked: 5 of 200 screened subjects would be dropped, more than 2 %",)


def test_the_share_of_dropped_subjects_is_an_outcome_of_its_own():
    last = decide(judged(check())).outcomes[-1]
    assert (last.check.id, last.finding.numerator, last.finding.denominator, last.status) == (
        "limit", 1, 200, "PASS_WITH_VIOLATIONS",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "stop_above", "numerator", "holds"),
    [
        ("warn", 2.0, 1, False),  # 2 % is not more than 2 %
        ("warn", 2.0, 2, True),
        ("drop", 2.0, 2, True),
        ("warn", None, 50, False),
        ("stop", None, 1, True),
        ("stop", None, 0, False),
    ],
)
def test_shares_hold_a_site_whatever_the_action(action, stop_above, numerator, holds):
    said = decide(judged(check(action, stop_above=stop_above), numerator, keys=()))
    assert set(said.held) == ({"north"} if holds else set())
    assert said.stops == ()


def test_a_site_that_is_held_keeps_its_subjects_out_of_the_count_of_the_dropped():
    said = decide(
        judged(check("stop"), keys=("x",)), judged(check(), keys=("a",)), judged(check(), site="south", keys=("s1",))
    )
    assert dict(said.dropped) == {"s1": "asked"}
    assert said.outcomes[-1].finding.denominator == 100


def test_a_check_of_the_whole_study_drops_nobody_of_a_site_that_is_held():
    said = decide(judged(check("stop")), judged(check(scope="study"), site="", keys=("a", "s1", "s2")))
    assert dict(said.dropped) == {"s1": "asked", "s2": "asked"}
    assert (said.outcomes[-1].finding.numerator, said.outcomes[-1].finding.denominator) == (2, 100)


def test_a_stop_of_the_study_is_no_matter_of_a_site():
    said = decide(judged(check("stop", "study"), site=""))
    assert (said.stops, dict(said.held)) == (("asked (t): 1 of 50; because",), {})


def test_where_every_site_is_held_the_study_stops():
    said = decide(judged(check("stop")), screened={"north": SCREENED["north"]})
    assert said.stops == ("asked (t of north): 1 of 50; because",)


@pytest.mark.parametrize("action", ["stop", "drop"])
def test_an_error_stops_where_its_failure_would_act(action):
    assert "north" in decide(judged(check(action), error="it crashed")).held


def test_an_error_of_a_warning_stops_nobody_and_is_no_failure():
    said = decide(judged(check("warn"), error="it crashed"))
    assert (dict(said.held), said.stops, said.outcomes[0].status) == ({}, (), "ERROR")


def test_an_error_stops_where_a_share_would():
    assert "north" in decide(judged(check("warn", stop_above=2.0), error="it crashed")).held


def test_what_could_not_be_asked_stops_nobody():
    said = decide(judged(check("stop", stop_above=0.0), 0, 0, keys=()))
    assert (dict(said.held), said.outcomes[0].status) == ({}, "NOT_APPLICABLE")


OVERRIDE = Override("asked", "Dr A. Example", "the laboratory moved", date(2026, 12, 31), "north")


def test_an_override_lets_a_stop_pass_and_says_who():
    said = decide(judged(check("stop")), overrides=[OVERRIDE])
    assert (dict(said.held), said.stops) == ({}, ())
    assert said.outcomes[0].overridden == "Dr A. Example, until 2026-12-31: the laboratory moved"
    assert said.outcomes[0].stops  # it is still said that it would have stopped


@pytest.mark.parametrize(
    ("override", "passes"),
    [
        (Override("asked", "n", "r", date(2026, 11, 27), "north"), True),  # to the end of its day
        (Override("asked", "n", "r", date(2026, 11, 26), "north"), False),
        (Override("asked", "n", "r", date(2027, 1, 1), "south"), False),
        (Override("other", "n", "r", date(2027, 1, 1)), False),
        (Override("asked", "n", "r", date(2027, 1, 1), "", "u"), False),
        (Override("asked", "n", "r", date(2027, 1, 1), "", "t"), True),
        (Override("asked", "n", "r", date(2027, 1, 1)), True),
    ],
)
def test_an_override_speaks_of_its_check_site_and_table_until_its_day(override, passes):
    assert ("north" not in decide(judged(check("stop")), overrides=[override]).held) is passes


def test_an_override_of_the_share_of_dropped_subjects_lets_the_analysis_go_on_without_them():
    keys = ("a", "b", "c", "d", "e")
    said = decide(judged(check(), keys=keys), overrides=[Override("limit", "n", "r", date(2027, 1, 1))])
    assert (said.stops, set(said.dropped)) == ((), set(keys))


def test_an_override_speaks_only_of_what_stops():
    said = decide(judged(check("warn")), overrides=[OVERRIDE])
    assert said.outcomes[0].overridden == ""


@pytest.mark.parametrize(
    ("numerator", "denominator", "threshold", "expected"),
    [
        (0, 0, 0, "NOT_APPLICABLE"),
        (0, 5, 0, "PASS"),
        (1, 4, 25, "PASS_WITH_VIOLATIONS"),
        (1, 4, 24.9, "FAIL"),
    ],
)
def test_a_status_is_a_matter_of_percent(numerator, denominator, threshold, expected):
    assert status(threshold, Finding("a", "t", denominator, numerator)) == expected


@pytest.mark.parametrize(
    ("errors", "passes"),
    [(False, False), (True, True)],
)
def test_an_override_of_violations_is_none_of_an_error(errors: bool, passes: bool) -> None:
    said = Override("asked", "n", "r", date(2027, 1, 1), errors=errors)
    found = decide(judged(check("stop"), error="it crashed"), overrides=[said])
    assert ("north" not in found.held) is passes


@pytest.mark.parametrize(("violations", "passes"), [(5, True), (6, False)])
def test_an_override_holds_up_to_what_was_agreed(violations: int, passes: bool) -> None:
    said = Override("asked", "n", "r", date(2027, 1, 1), up_to=10)
    found = decide(judged(check("stop"), violations), overrides=[said])
    assert ("north" not in found.held) is passes

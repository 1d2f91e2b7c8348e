"""Whatever the courses of checks are, the page is made, and says of each line what a slow reading of its course says.

Oracle: the rules of docs/dashboard.md applied to one course at a time, letter by letter.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.dashboard.changes import changes
from analysis.dashboard.gate import gates
from analysis.dashboard.grid import grid
from analysis.dashboard.page import render
from analysis.dashboard.profiles import profiles
from tests.fixtures.page_reader import PageReader
from tests.fixtures.quality_history import NOW, lines

SITES = ("site0", "site1", "")
COURSES = st.integers(1, 12).flatmap(
    lambda runs: st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.sampled_from(("t", "u")), st.sampled_from(SITES)),
        st.text("npwfeso.", min_size=runs, max_size=runs),
        min_size=1,
        max_size=9,
    )
)
FAILS, HOLDS, SILENT = set("fseo"), set("pw"), set("n.")


def _kinds(course: str) -> set[str]:
    """What became of one line since the run before, read letter by letter."""
    if len(course) < 2:
        return set()
    before, now = course[-2:]
    found = set()
    if now in FAILS and before not in FAILS:
        found.add("new")
    if before in FAILS and now in HOLDS:
        found.add("resolved")
    if before in FAILS and now in SILENT:
        found.add("silent")
    # Every failure is of 100 of 1000 here, so a share never rises: only a stop or a crash makes it worse.
    if before in FAILS and now in FAILS and ((now == "s" and before != "s") or (now == "e" and before in "fso")):
        found.add("worse")
    if before in FAILS and now in FAILS:
        began = next(at for at in range(len(course)) if course[at] in FAILS and not HOLDS & set(course[at:]))
        if began > 0 and began >= len(course) - 7:
            found.add("lately")
    return found


def _with_some_run(courses: dict[tuple[str, str, str], str]) -> dict[tuple[str, str, str], str]:
    """A run in which nothing ran at all has no results: another check passes in every run."""
    return {**courses, ("always", "t", "site0"): "p" * len(next(iter(courses.values())))}


@given(COURSES)
@settings(max_examples=60, deadline=None)
def test_changes_and_gate_are_those_of_a_slow_reading(courses: dict[tuple[str, str, str], str]) -> None:
    courses = _with_some_run(courses)
    made = lines(courses)
    found = grid(made)
    said = changes(found)
    shown = {key: courses[key.check, key.table, key.site] for key in found.keys}
    for kind in ("new", "worse", "resolved", "silent", "lately"):
        wanted = [line for line, key in enumerate(found.keys) if kind in _kinds(shown[key])]
        assert sorted(getattr(said, kind)) == wanted, kind
    whole = any(course[-1] == "s" for (_, _, site), course in courses.items() if not site)
    for gate in gates(found, profiles(made.profile, found)):
        now = {course[-1] for (_, _, site), course in courses.items() if site == gate.site}
        state = (
            "held" if whole or "s" in now else "nothing" if not now - {"."} else "overridden" if "o" in now else "open"
        )
        assert gate.state == state


@given(COURSES)
@settings(max_examples=25, deadline=None)
def test_any_history_makes_a_page(courses: dict[tuple[str, str, str], str]) -> None:
    page = PageReader(render(lines(_with_some_run(courses)), NOW))
    ids = {element.attributes["id"] for element in page.with_attribute("id")}
    assert {link.attributes["href"][1:] for link in page.all("a")} <= ids

"""The dashboard: one HTML file, opened from a disk without network; a thousand bytes of script it can do without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from analysis.dashboard import clock, closer, opening, verdict
from analysis.dashboard.changes import changes
from analysis.dashboard.filters import filter_rules, filters
from analysis.dashboard.gate import gates
from analysis.dashboard.grid import WINDOW, Grid, grid
from analysis.dashboard.heat import heat
from analysis.dashboard.history import History
from analysis.dashboard.problems import problems
from analysis.dashboard.profiles import profiles
from analysis.dashboard.run_by_run import run_by_run
from analysis.dashboard.summary import outcomes, site_rows
from analysis.dashboard.trends import trends
from analysis.dashboard.unmapped import unmapped
from analysis.pages import templating

PACKAGE = "analysis.dashboard"
"""Where its templates, its own style sheet and its script lie."""


def render(history: History, now: datetime) -> str:
    """The whole page as text; the same history and instant give the same bytes.

    ``now`` (with a zone, in which every time on the page is written) is what ages are counted to. ``history.checks``
    has at least one row of a run in ``history.runs``.
    """
    found = grid(history)
    counts = profiles(history.profile, found)
    site_gates = gates(found, counts)
    said = changes(found, history.min_count)
    worst = problems(history, found, now.date())
    codes = unmapped(history.profile, found, history.min_count)
    courses = trends(found, history.min_count)
    rows = site_rows(history, found, counts, site_gates, now)
    definitions = closer.definitions(history.definitions, found)
    places, cells = heat(found)
    shown = min(WINDOW, len(found.runs))
    number = {one["id"]: i for i, one in enumerate(definitions)}
    categories = list(dict.fromkeys(one["category"] for one in definitions))
    style = templating.style(PACKAGE) + filter_rules(len(found.sites), len(categories))
    script = templating.read(PACKAGE, "page.js")
    return templating.environment(PACKAGE).get_template("page.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file, and rules of numbers
        script=Markup(script),  # noqa: S704 - our own file
        csp=templating.content_policy(style, script),
        title=history.title,
        study=history.study,
        synthetic=_synthetic(history, found),
        made=f"{clock.moment(now, year=True)} {clock.zone(now)}",
        least=history.min_count,
        window=shown,
        runs=f"{shown} run{'s' * (shown > 1)}",
        grid=found,
        when=_Times(found, now),
        verdict=verdict.sentence(site_gates),
        state=verdict.state(site_gates),
        age=verdict.age(found, now),
        notes=verdict.notes(history, found, site_gates, now),
        outcomes=[opening.outcome_label(name) for name in outcomes(history, found)],
        sites=rows,
        changes=opening.change_lists(found, said, history.min_count),
        named=opening.NAMED,
        first_run=len(found.runs) < 2,
        problems=opening.problem_rows(found, worst, history, now),
        codes=opening.code_rows(codes, found, history.min_count),
        unmapped=codes,
        places=places,
        heat=cells,
        number=number,
        category={one["id"]: categories.index(one["category"]) for one in definitions},
        site_number={site: i + 1 for i, site in enumerate(found.sites)} | {"": 0},
        filters=filters(found.sites, categories),
        trends=courses,
        falls=closer.fall_rows(counts, history.min_count),
        months=closer.month_rows(history.profile, found, history.min_count),
        freshness=closer.freshness(counts, now),
        tables=counts.tables,
        definitions=definitions,
        numbers=run_by_run(found, counts, worst, codes, history.min_count),
    )  # fmt: skip


class _Times:
    """Instants of runs as the page writes them, for templates."""

    def __init__(self, found: Grid, now: datetime) -> None:
        self._found, self._now = found, now

    def run(self, at: int) -> str:
        """The start of a run of the grid, by its place."""
        when = self._found.runs[at].started.astimezone(self._now.tzinfo)
        return clock.moment(when, year=when.year != self._now.year)

    def since(self, at: int) -> str:
        """What has been so from a run on; of the first one kept nobody knows what was before."""
        return self.run(at) + (" or earlier" if at == 0 else "")


def _synthetic(history: History, found: Grid) -> bool:
    """Whether any run on the page holds synthetic data."""
    shown = {run.id for run in found.runs}
    marks: Sequence[Mapping[Any, Any]] = history.runs.to_dict("records")
    return any(bool(row["synthetic"]) for row in marks if row["run"] in shown)

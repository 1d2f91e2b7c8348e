"""The page of single subjects: waterfall, swimmer plot and residuals with their tables. It never leaves the site.

A file of its own, so that the report that is sent holds nothing of one subject, whatever its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis.pages import formats, templating
from analysis.report import words
from analysis.report.context import Context
from analysis.report.figures.canvas import swatch
from analysis.report.figures.swimmer import Lane, swimmer
from analysis.report.figures.waterfall import Bar, waterfall
from analysis.report.lookup import Index
from analysis.report.page import PACKAGE, say_in_figures, synthetic_note
from analysis.report.palette import ArmStyle
from analysis.report.sections import provenance as footer
from analysis.report.sections.residuals import HazardFrames, hazard_courses
from analysis.stats.cohort import DAYS
from analysis.study.model import Study

DRAWN = 150  # subjects a swimmer plot is drawn for; above it the table stands alone
_MARKS = {"last alive": "alive"}
_ORDER = ("session", "assessment", "response", "progression", "last alive", "death")


@dataclass(frozen=True)
class Subject:
    """One analysed subject's course, in days from the index date."""

    number: int
    id: str
    style: ArmStyle
    events: tuple[tuple[int, str, str], ...]  # day, event, detail
    sessions: int | None

    @property
    def length(self) -> int:
        return max((day for day, _, _ in self.events), default=0)

    def first(self, event: str) -> tuple[int, str] | None:
        """Day and detail of the first such event."""
        return next(((day, detail) for day, name, detail in self.events if name == event), None)


@dataclass(frozen=True)
class Change:
    """A subject's best change in percent of the baseline (None: no sum after it), and its best response."""

    subject: Subject
    value: float | None
    best: str

    @property
    def shown(self) -> str:
        return "no sum" if self.value is None else formats.decimal(self.value, 1)


def render_on_site(
    study: Study,
    bars: pd.DataFrame,
    courses: pd.DataFrame,
    sessions: Mapping[str, int],
    provenance: Mapping[str, Any],
    hazards: Mapping[str, HazardFrames] | None = None,
) -> str | None:
    """The page as text, or None where arms are masked or nobody was analysed.

    ``bars`` and ``courses`` are the frames of ``analysis.derive.courses``; ``sessions`` maps a subject's pseudonym to
    how often it was treated; ``provenance`` as in ``docs/architecture.md``; ``hazards`` maps an endpoint's id to the
    frames of its residuals.
    """
    context = Context(study, Index(()), pd.DataFrame(), provenance, [], provenance.get("state") == "MASKED")
    subjects = _subjects(context, bars, courses, sessions)
    if context.masked or not subjects:
        return None
    style = templating.style(PACKAGE)
    text = templating.environment(PACKAGE).get_template("on-site.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file
        csp=templating.content_policy(style),
        study=study,
        state=footer.state(context),
        synthetic=study.study.data == "synthetic",
        note=synthetic_note(study),
        public_key=bool(provenance.get("public_key")),
        unit=words.time_unit(study.endpoint_rules),
        swatches={label: swatch(one) for label, one in context.arms.items()},
        waterfall=_waterfall(context, bars, subjects),
        swimmer=_swimmer(study, subjects),
        hazards=hazard_courses(study, hazards or {}),
    )  # fmt: skip
    return say_in_figures(text, study)


def _subjects(
    context: Context, bars: pd.DataFrame, courses: pd.DataFrame, sessions: Mapping[str, int]
) -> dict[str, Subject]:
    """Numbered by arm, the longest course first; subjects of arms the study does not name are left out."""
    events: dict[str, list[tuple[int, str, str]]] = {}
    for row in courses.to_dict("records"):
        events.setdefault(str(row["USUBJID"]), []).append((int(row["DAY"]), row["EVENT"], str(row["DETAIL"] or "")))
    place = {label: i for i, label in enumerate(context.arms)}
    found = [
        Subject(0, str(one), context.arms[arm], tuple(sorted(events.get(str(one), ()))), sessions.get(str(one)))
        for one, arm in zip(bars["USUBJID"], bars["TRT01A"], strict=True)
        if arm in place
    ]
    found.sort(key=lambda s: (place[s.style.label], -s.length, s.id))
    return {s.id: Subject(i, s.id, s.style, s.events, s.sessions) for i, s in enumerate(found, 1)}


def _waterfall(context: Context, bars: pd.DataFrame, subjects: Mapping[str, Subject]) -> dict[str, Any] | None:
    """The bars in the frame's order (worst first); None where no subject has a sum."""
    lines = [
        Change(
            subjects[str(row["USUBJID"])],
            None if pd.isna(row["PCHG"]) else float(row["PCHG"]),
            "not known" if pd.isna(row["BOR"]) else str(row["BOR"]),
        )
        for row in bars.to_dict("records")
        if str(row["USUBJID"]) in subjects
    ]
    drawn = [Bar(line.value, line.best, line.subject.style) for line in lines if line.value is not None]
    if not drawn:
        return None
    figure = waterfall(
        "waterfall",
        "Best change of the sum of target lesions, subject by subject",
        f"A bar a subject, worst first, {len(drawn)} in all; the numbers stand in the table under the figure.",
        drawn,
        list(context.arms.values()),
    )
    return {"figure": figure, "lines": lines, "without": len(lines) - len(drawn)}


def _swimmer(study: Study, subjects: Mapping[str, Subject]) -> dict[str, Any]:
    days = DAYS[study.endpoint_rules.unit]
    unit = words.time_unit(study.endpoint_rules)
    figure = None
    if len(subjects) <= DRAWN:
        figure = swimmer(
            "swimmer",
            "The course of each subject",
            f"A bar a subject from the index date to the last known day, {len(subjects)} in all, by arm; the days "
            "stand in the table under the figure.",
            [
                Lane(
                    s.number,
                    s.style,
                    s.length / days,
                    (("session", 0.0), *((_MARKS.get(event, event), day / days) for day, event, _ in _seen(s))),
                )
                for s in subjects.values()
            ],
            f"{words.sentence_case(unit)} since the index date",
        )
    return {"figure": figure, "limit": DRAWN, "lines": [_line(s) for s in subjects.values()]}


def _seen(subject: Subject) -> list[tuple[int, str, str]]:
    """The events that are drawn, the weightiest last and so on top: who died is not also last known alive."""
    dead = subject.first("death") is not None
    kept = [e for e in subject.events if not (dead and e[1] == "last alive")]
    return sorted(kept, key=lambda e: _ORDER.index(e[1]) if e[1] in _ORDER else 0)


def _line(subject: Subject) -> dict[str, Any]:
    response, worse, death, alive = (subject.first(name) for name in ("response", "progression", "death", "last alive"))
    return {
        "subject": subject,
        "sessions": "not known" if subject.sessions is None else str(subject.sessions),
        "later": ", ".join(f"day {day}" for day, name, _ in subject.events if name == "session"),
        "assessments": "; ".join(f"day {day} {level}" for day, name, level in subject.events if name == "assessment"),
        "response": "none" if response is None else f"{response[1]}, day {response[0]}",
        "progression": "none" if worse is None else f"day {worse[0]}",
        "end": f"dead, day {death[0]}" if death else f"alive, day {alive[0]}" if alive else "not known",
    }

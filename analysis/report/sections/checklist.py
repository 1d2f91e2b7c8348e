"""What reviewers tick off: STROBE for cohort studies (von Elm et al., PLoS Med 2007;4:e296) and its extension RECORD
for routinely collected data (Benchimol et al., PLoS Med 2015;12:e1001885), filled in where the run knows the answer.

The items are put in our own words. What no run can know is left to the authors and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from analysis.report import words
from analysis.report.context import Context
from analysis.study.model import Study

TITLES = {
    "question": "Question",
    "care": "Read with care",
    "flow": "Flow",
    "baseline": "Baseline",
    "treatment": "Treatment received",
    "response": "Response",
    "survival": "Survival",
    "models": "Models",
    "weighting": "Weighting",
    "sensitivity": "Sensitivity",
    "adverse_events": "Adverse events",
    "sources": "Record and supplement",
    "methods": "Methods",
    "quality": "Data quality",
    "limits": "Limits",
    "provenance": "Provenance",
}
"""The parts of the page an item may point to, by their id."""
HERE, PARTLY, AUTHORS, LOCKED, NOTHING = (
    "in this report",
    "in part",
    "for the authors",
    "not shown while locked",
    "not done here",
)
_OF_COMPARISON = frozenset(
    {"baseline", "treatment", "response", "survival", "models", "weighting", "sensitivity", "adverse_events"}
)


@dataclass(frozen=True)
class Item:
    """One item: ``places`` are the parts of the page that answer it, ``says`` a sentence with what the run knows,
    ``authors`` what is left to them."""

    number: str
    asks: str
    places: tuple[str, ...] = ()
    says: Callable[[Study], str] = lambda _: ""
    authors: str = ""


@dataclass(frozen=True)
class Line:
    """One item as it is printed; ``links`` are ids and titles of parts of the page."""

    number: str
    asks: str
    status: str
    says: str
    links: tuple[tuple[str, str], ...]


def _registered(study: Study) -> str:
    protocol = study.study.protocol
    known = "not registered" if protocol.registration == "none" else f"registered as {protocol.registration}"
    return f"Protocol version {protocol.version} of {protocol.date:%-d %B %Y}, {known}."


def _period(study: Study) -> str:
    first, last = study.index.dates
    return f"Index dates {first:%-d %B %Y} to {last:%-d %B %Y}, data until {study.index.data_cutoff:%-d %B %Y}."


def _kind(study: Study) -> str:
    records = "Synthetic records" if study.study.data == "synthetic" else "Electronic health records"
    return f"{records} read through FHIR. {_period(study)} Nothing is linked between sites."


def _losses(study: Study) -> str:
    described = [words.in_sentence(censor.desc) for endpoint in study.endpoint for censor in endpoint.censors]
    return f"Censored at: {words.listing(list(dict.fromkeys(described)))}." if described else ""


def _sets(study: Study) -> str:
    n = len(study.analysis.sensitivity)
    return f"{n} sensitivity analyses were declared in the study file." if n else "None was declared in the study file."


def _adjusted(study: Study) -> str:
    names = [
        words.in_sentence(words.covariate_label(name, study.covariate.get(name))) for name in study.analysis.cox.adjust
    ]
    adjusted = f"Adjusted for {words.listing(names)}." if names else "No adjusted model was asked for."
    return f"{adjusted} Weighted by propensity scores." if study.analysis.weighting else adjusted


def _linked(study: Study) -> str:
    if study.supplement:
        return "A file of chart review is joined to the record of the same site."
    return "Nothing is linked: each site stands for itself."


def _uncoded(study: Study) -> str:
    return f"Asked for and not derivable: {words.listing(study.study.uncoded)}." if study.study.uncoded else ""


STROBE = (
    Item("1", "Design named in title and abstract; a summary of what was done and found", ("question", "methods"),
         lambda study: f"{words.sentence_case(study.study.design)}.", "title and abstract"),
    Item("2", "Background and rationale", authors="the scientific background"),
    Item("3", "Objectives and hypotheses", ("question",),
         lambda study: "" if study.study.question else "The study file states no question."),
    Item("4", "Design, early in the paper", ("methods",)),
    Item("5", "Setting, places and dates", ("methods", "provenance"), _period,
         "the places, and how patients came there"),
    Item("6", "Eligibility, sources and selection of subjects; follow-up", ("methods", "flow")),
    Item("7", "Outcomes, exposures, confounders and what may change an effect, defined", ("methods",)),
    Item("8", "Sources and methods of measurement, comparable between groups",
         ("methods", "sources", "quality"),
         authors="how measurements were made at the bedside"),
    Item("9", "What was done about bias", ("care", "limits"), authors="sources of bias that no record shows"),
    Item("10", "How the size was arrived at", ("flow",), lambda _: "All who were eligible in the period.",
         "a calculation of size, if there was one"),
    Item("11", "How numbers were handled and grouped", ("methods",)),
    Item("12a", "Statistical methods, and those against confounding", ("methods", "weighting"), _adjusted),
    Item("12b", "Subgroups and interactions", says=lambda _: "None was asked for."),
    Item("12c", "Missing data", ("methods", "baseline")),
    Item("12d", "Loss to follow-up", ("methods",), _losses),
    Item("12e", "Sensitivity analyses", ("sensitivity",), _sets),
    Item("13", "Numbers at each stage, reasons, a flow diagram", ("flow",)),
    Item("14", "Who the subjects were; how many lack each variable; length of follow-up",
         ("baseline", "treatment", "survival")),
    Item("15", "Events over time", ("survival", "adverse_events")),
    Item("16", "Estimates without and with adjustment, intervals, categories; absolute risks",
         ("response", "survival", "models", "weighting")),
    Item("17", "Other analyses", ("sensitivity",)),
    Item("18", "Key results with reference to the objectives", ("question",), authors="their discussion"),
    Item("19", "Limitations, direction and size of bias", ("care", "limits"), authors="direction and size"),
    Item("20", "A cautious interpretation", authors="the interpretation"),
    Item("21", "Generalisability", authors="to whom the results apply"),
    Item("22", "Funding and the funders' part", authors="funding"),
)  # fmt: skip
RECORD = (
    Item("1.1-1.3", "Kind of data, databases, region, period and linkage in title or abstract", ("provenance",),
         _kind, "the region"),
    Item("6.1", "Codes or algorithms by which subjects were selected", ("methods", "provenance"),
         lambda _: "The code lists are files of the study; their hash is under Provenance."),
    Item("6.2", "Validation of these codes", authors="studies that validated them"),
    Item("6.3", "A diagram of linkage", says=_linked),
    Item("7.1", "All codes for exposures, outcomes, confounders", ("methods", "provenance"), _uncoded),
    Item("12.1", "Access to the database", ("provenance",), authors="who was given access, and by whom"),
    Item("12.2", "Cleaning of the data", ("quality", "provenance")),
    Item("12.3", "Linkage between databases", says=_linked),
    Item("13.1", "Selection by quality, availability and linkage", ("flow", "quality", "provenance")),
    Item("19.1", "What follows from data not made for the question", ("limits",),
         authors="misclassification, unmeasured confounding, change of practice"),
    Item("22.1", "Where protocol, raw data and code are", ("provenance",), _registered),
)  # fmt: skip


def checklist(context: Context, shown: Collection[str]) -> list[tuple[str, list[Line]]]:
    """Name and lines of each list; ``shown`` are the ids of the parts that are on this page."""
    return [
        (name, [_line(item, context, shown) for item in items])
        for name, items in (("STROBE", STROBE), ("RECORD", RECORD))
    ]


def _line(item: Item, context: Context, shown: Collection[str]) -> Line:
    places = tuple((place, TITLES[place]) for place in item.places if place in shown)
    sentences = [item.says(context.study), f"To be added: {item.authors}." if item.authors else ""]
    return Line(item.number, item.asks, _status(item, context, bool(places)), " ".join(filter(None, sentences)), places)


def _status(item: Item, context: Context, answered: bool) -> str:
    if answered:
        return PARTLY if item.authors else HERE
    if item.authors:
        return AUTHORS
    return LOCKED if context.masked and _OF_COMPARISON & set(item.places) else NOTHING

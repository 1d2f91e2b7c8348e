"""Paragraphs of the methods for what only some studies ask for: one for each part of the study file that is there."""

from __future__ import annotations

from analysis.report import words
from analysis.report.sections.recorded import readable
from analysis.study.model import Study
from analysis.study.survival import SITE

Paragraph = tuple[str, str]


def received(study: Study) -> list[Paragraph]:
    """Where the values come from beside the record, and what of treatment and harm is described."""
    made = (_supplement(study), _treatment(study), _adverse_events(study))
    return [paragraph for paragraph in made if paragraph]


def asked(study: Study) -> list[Paragraph]:
    """What is computed beside curve, log-rank test and Cox model."""
    made = (*((_named_times(study), _strata(study)) if study.endpoint else ()), _side_by_side(study))
    return [paragraph for paragraph in made if paragraph]


def _supplement(study: Study) -> Paragraph | None:
    rule = study.supplement
    if rule is None:
        return None
    first = "the record" if rule.prefer == "record" else "the supplement"
    return (
        "Supplement",
        f"{words.sentence_case(words.listing(list(rule.variable)).replace('_', ' '))} also come from a file closed on "
        f"{rule.closed:%-d %B %Y}. Where it and the record both hold a value, {first} counts. What each source alone "
        "would give is compared in the subjects who have both: levels by the share that agrees and unweighted kappa, "
        "numbers by the mean of supplement minus record with the limits of agreement, which are that mean -/+ 1.96 "
        "standard deviations (Bland and Altman).".replace("-/+", "\u2212/+"),
    )


def _treatment(study: Study) -> Paragraph | None:
    plan = study.treatment
    if plan is None:
        return None
    parts = []
    if plan.materials or plan.sizes:
        lists = words.listing([f"“{readable(name)}”" for name in (*plan.materials, *plan.sizes)])
        parts.append(f"Materials and sizes are those of the lists {lists}.")
    if plan.drugs:
        drugs = words.listing([f"{readable(drug.list_)} (in {drug.unit})" for drug in plan.drugs])
        parts.append(
            f"Drugs given as part of a session: {drugs}; a subject's dose is the mean of the sessions "
            "whose dose is known."
        )
    return (
        "Treatment received",
        "Sessions are the index procedure and later ones of its list; the days between them are the days from first to "
        "last over the number of intervals. "
        + " ".join([*parts, "Shares are of the subjects of whom something of the kind is recorded."]),
    )


def _adverse_events(study: Study) -> Paragraph | None:
    plan = study.adverse_events
    if plan is None:
        return None
    names = words.listing([words.in_sentence(event.label or readable(event.list_)) for event in plan.events])
    looked = (
        "A record of "
        + words.listing([f"“{readable(name)}”" for name in plan.looked], "or")
        + " shows that someone looked; shares are of those with an event, a recorded absence or such a record."
        if plan.looked
        else "No record is named that shows that someone looked, so counts are given and no shares."
    )
    grades = "grades are CTCAE's" if plan.grades else "the study names no grades"
    return (
        "Adverse events",
        f"Recorded {names}, {words.window(plan.window)}; of each subject the worst grade counts, and {grades}. "
        f"{looked} What is not recorded is not taken for absent.",
    )


def _named_times(study: Study) -> Paragraph | None:
    plan, unit = study.analysis.survival, words.time_unit(study.endpoint_rules)
    parts = []
    if plan.landmarks:
        times = words.listing([f"{time:g}" for time in plan.landmarks])
        parts.append(
            f"Survival at {times} {unit} has Greenwood's error and {study.analysis.primary.km_ci} limits; differences "
            "have Wald limits, the errors of the arms added in quadrature."
        )
    if plan.rmst:
        tau = f"{plan.rmst.tau:g} {unit}" if plan.rmst.tau else "the smallest of the arms' largest observed times"
        parts.append(f"The restricted mean is the area under the curve up to {tau}, compared by Wald's test.")
    if plan.by_response and study.response:
        times = words.listing([f"{time:g}" for time in plan.by_response])
        parts.append(
            f"From {times} {unit} on, subjects still at risk are described by whether they had responded by then, all "
            "arms together and without a test."
        )
    return ("Survival at named times", " ".join(parts)) if parts else None


def _strata(study: Study) -> Paragraph | None:
    plan = study.analysis.survival
    parts = []
    if plan.strata:
        parts.append(
            f"Within strata of {words.listing(strata_names(study))}: in the log-rank test observed minus expected and "
            "variance are summed over the strata; Cox's model of treatment alone has a baseline hazard for each. "
            "Subjects without a value in a stratum are left out."
        )
    if plan.cluster:
        whose = "of one site are taken as not independent" if plan.cluster == "site" else "are taken one by one"
        parts.append(
            f"The robust (sandwich) variance of treatment's ratio, without correction for few clusters: "
            f"subjects {whose}."
        )
    return ("Strata and clusters", " ".join(parts)) if parts else None


def strata_names(study: Study) -> list[str]:
    """The strata in words, in the order of the study file."""
    return [
        "site" if name == SITE else words.in_sentence(words.covariate_label(name, study.covariate.get(name)))
        for name in study.analysis.survival.strata
    ]


def _side_by_side(study: Study) -> Paragraph | None:
    plan = study.analysis.side_by_side
    has = study.analysis.sensitivity and (study.endpoint or plan.response)
    times = words.listing([f"{time:g}" for time in plan.survival_at])
    named = [
        "the median" if plan.median and study.endpoint else "",
        f"survival at {times} {words.time_unit(study.endpoint_rules)}" if plan.survival_at and study.endpoint else "",
        "response rates with the difference of the arms" if plan.response and study.response else "",
    ]
    if not has or not any(named):
        return None
    return (
        "Sensitivity side by side",
        f"Of each sensitivity analysis {words.listing(named)} stand beside those of the primary analysis, by the "
        "primary method or the one the set names.",
    )

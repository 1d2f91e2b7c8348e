"""Paragraphs of the methods for models that only some studies ask for: selection, Firth, competing risks, weighting."""

from __future__ import annotations

from analysis.report import words
from analysis.report.sections.methods_asked import Paragraph
from analysis.study.model import Study

_SCORES = {
    "ATE": "all subjects (ATE, 1/e and 1/(1 \u2212 e) for a propensity score e)",
    "ATT": "subjects like those of {} (ATT, 1 and e/(1 \u2212 e))",
    "ATO": "the overlap of the arms (ATO, 1 \u2212 e and e)",
}


def modelled(study: Study) -> list[Paragraph]:
    """A paragraph for each of them that the study file names."""
    made = (_competing(study), _selection(study), _firth(study), _weighting(study), _e_values(study))
    return [paragraph for paragraph in made if paragraph]


def _competing(study: Study) -> Paragraph | None:
    named = [e for e in study.endpoint if e.competing]
    if not named:
        return None
    whose = words.listing([e.label for e in named])
    return (
        "Competing risks",
        f"{whose}: the cumulative incidence of the event and of the competing events is estimated by Aalen and "
        f"Johansen, with the standard error of the infinitesimal jackknife and {study.analysis.primary.km_ci} limits; "
        "the arms are compared by Gray's test. An event goes before a competing one of the same day. Kaplan-Meier, "
        "log-rank and Cox censor at a competing event and so speak of the cause-specific hazard. No subdistribution "
        "(Fine and Gray) model is fitted.",
    )


def _selection(study: Study) -> Paragraph | None:
    plan = study.analysis.cox.stepwise
    if plan is None or not study.endpoint:
        return None
    removal = words.listing([words.TESTS[how] for how in plan.remove])
    each = ", each on its own" if len(plan.remove) > 1 else ""
    enter = f"the term with the smallest P below {plan.p_in:g} enters, by {words.TESTS[plan.enter]}"
    leave = f"the term with the largest P above {plan.p_out:g} leaves, by {removal}{each}"
    text = (
        f"Forward: {enter}; after each entry {leave}, until none does. It ends when no term enters."
        if plan.direction == "forward"
        else f"Backward: from the model of all candidates {leave}, until none does; then {enter}, and after each entry "
        "terms leave by the same rule. It ends when no term enters."
    )
    return (
        "Stepwise selection",
        f"{text} Treatment is a candidate like the rest. P values and intervals after a selection take no account of "
        "it.",
    )


def _firth(study: Study) -> Paragraph | None:
    asked = study.analysis.cox.firth
    if not asked or not study.endpoint:
        return None
    where = (
        "where a model has no fit (monotone likelihood) or fewer than "
        f"{study.analysis.min_events_per_term} events a term"
        if asked == "when-needed"
        else "beside every model"
    )
    return (
        "Firth's penalised likelihood",
        f"Given {where}, on the same subjects and terms, with {words.method(study.analysis.primary.ties)}: the "
        "logarithm of the partial likelihood plus half that of the determinant of its information. Limits are those of "
        "the penalised profile likelihood, P that of the penalised likelihood ratio.",
    )


def _weighting(study: Study) -> Paragraph | None:
    plan = study.analysis.weighting
    if plan is None:
        return None
    first = study.experimental.label
    names = words.listing(
        [words.in_sentence(words.covariate_label(n, study.covariate.get(n))) for n in plan.covariates]
    )
    linear = words.listing([words.in_sentence(words.covariate_label(n, study.covariate.get(n))) for n in plan.linear])
    whom = words.listing([_SCORES[estimand].format(first) for estimand in plan.estimands])
    stabilised = "; ATE weights are stabilised" if plan.stabilised and "ATE" in plan.estimands else ""
    parts = [
        f"Propensity scores, the probability of {first}, come from a logistic regression on {names}"
        f"{f' ({linear} as a number)' if linear else ''}; subjects without a value of one of them have none.",
        f"Weights are for {whom}{stabilised}.",
    ]
    if plan.trim:
        low, high = plan.trim
        parts.append(f"Subjects with a score outside {low:g} to {high:g} leave, and the score is fitted again.")
    parts.append(
        "Balance is the difference of weighted means over the spread of the unweighted arms; the size the weights "
        "leave is Kish's, (\u03a3w)\u00b2 / \u03a3w\u00b2. Weighted hazard ratios and differences of rates have a "
        "robust (sandwich) variance that takes the weights as known."
    )
    if plan.force:
        parts.append(f"It is done even with fewer than 10 subjects for each coefficient of the score: {plan.reason}.")
    return "Weighting", " ".join(parts)


def _e_values(study: Study) -> Paragraph | None:
    outcome = study.analysis.e_value
    if outcome is None or not study.endpoint:
        return None
    common = (
        "first made an approximate risk ratio, since the outcome is common"
        if outcome == "common"
        else "taken as a risk ratio, since the outcome is rare"
    )
    return (
        "E-values",
        "How strong an unmeasured confounder would have to be, as a risk ratio with both treatment and outcome, to "
        "explain a ratio away, and to move the limit nearer to 1 there (VanderWeele and Ding); a hazard ratio is "
        f"{common}.",
    )

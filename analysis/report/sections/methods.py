"""The methods section, written from the parameters of the study file and nothing else."""

from __future__ import annotations

from analysis.report import words
from analysis.report.context import Context
from analysis.report.sections.methods_asked import Paragraph, asked, received
from analysis.report.sections.methods_models import modelled
from analysis.study.model import ArmClause, Covariate, Endpoint, Method, Study

_PARTIAL = {
    "middle": "middle is used",
    "low": "middle is used, of an event's the first day",
    "high": "middle is used, of an event's the last day",
}
_RESPONSE_FROM = {
    "recorded": "as recorded",
    "derived": "derived from lesion measurements",
    "recorded-then-derived": "as recorded, else derived from lesion measurements",
}
_SOURCES = {
    "used_device": "a device used in the procedure",
    "used_substance": "a substance used in the procedure",
    "used_code": "a code of what was used",
    "administered": "a medication given as part of the procedure",
    "text": "words in the procedure's text",
}


def methods(context: Context) -> list[Paragraph]:
    """Run-in heading and text of each paragraph."""
    study = context.study
    made = [_design(study), _arms(study), _eligibility(study)]
    if study.covariate:
        made.append(_covariates(study))
    made += received(study)
    if study.response:
        made.append(_response(study))
    if study.endpoint:
        made.append(_endpoints(study))
        made.append(_survival(study))
    made += asked(study)
    made += modelled(study)
    made.append(_choices(study))
    made.append(_disclosure(study))
    return made


def _name(code: str) -> str:
    return code.replace("-", " ")


def _design(study: Study) -> Paragraph:
    index, protocol = study.index, study.study.protocol
    wash = (
        f" A listed procedure in the {index.washout_days} days before it makes a subject no new user, who is left out."
        if index.washout_days
        else ""
    )
    landmark = (
        f" Time starts on day {index.landmark} (landmark); whoever had an event, or was last observed, before it is "
        "left out."
        if index.landmark
        else ""
    )
    registered = "not registered" if protocol.registration == "none" else f"registered as {protocol.registration}"
    return (
        "Design",
        f"{words.sentence_case(study.study.design)}. Protocol version {protocol.version} of {protocol.date:%-d %B %Y}, "
        f"{registered}; ethics: {protocol.ethics}. The index date is the day of the first procedure of the list "
        f"“{_name(index.event.list_)}” with status {words.listing(index.event.status, 'or')}, from "
        f"{index.dates[0]:%-d %B %Y} to {index.dates[1]:%-d %B %Y}; later ones are exposure.{wash} Nothing dated after "
        f"{index.data_cutoff:%-d %B %Y} was used. Days count from the index date, which is day 0.{landmark}",
    )


def _clause(clause: ArmClause) -> str:
    if clause.list_:
        return f"a code of “{_name(clause.list_)}”"
    named = [(_SOURCES[s], _name(lst)) for s, _, lst in (c.partition(":") for c in clause.any_of)]
    return words.listing([f"{source} (“{lst}”)" for source, lst in named], "or")


def _arms(study: Study) -> Paragraph:
    parts = [f"{arm.label}: {'; and '.join(_clause(c) for c in arm.all_)}." for arm in study.arm]
    both, neither = (rule.partition(":")[2] for rule in (study.arm_rules.both, study.arm_rules.neither))
    return (
        "Arms",
        f"{' '.join(parts)} A subject who fits several arms on the index day is left out as “{_name(both)}”, one who "
        f"fits none as “{_name(neither)}”. Subjects stay in the arm of their first treatment. "
        f"{study.reference.label} is the reference of every ratio and difference.",
    )


def _eligibility(study: Study) -> Paragraph:
    if not study.criterion:
        return "Eligibility", "No criteria beyond the index procedure and the arm."
    ahead = [c for c in study.criterion if c.after_index]
    marked = "".join(f" “{c.text}” looks after the index date ({(c.after_index or '').rstrip('.')})." for c in ahead)
    missing = {
        "fails": "a subject without the information does not meet",
        "passes": "a subject without the information passes",
        "later": "is left to the completeness criterion",
    }
    groups = [
        f"{missing[how]} {words.listing([f'“{c.text}”' for c in study.criterion if c.missing == how])}"
        for how in ("fails", "passes")
        if any(c.missing == how for c in study.criterion)
    ]
    later = [f"“{c.text}”" for c in study.criterion if c.missing == "later"]
    if later:
        groups.append(f"missing information on {words.listing(later)} is left to the completeness criterion")
    return (
        "Eligibility",
        f"Criteria were judged in the order of the flow diagram; a subject leaves at the first one not met. "
        f"{words.sentence_case('; '.join(groups))}.{marked}",
    )


def _covariate(name: str, covariate: Covariate) -> str:
    label = words.covariate_label(name, covariate)
    if covariate.from_:
        where = "from the patient record" + (" on the index date" if covariate.at else "")
    else:
        where = f"{words.window(covariate.window)}, {words.PICKS[covariate.pick]}"
    cut = (
        f", categories {words.listing([words.level_label(c, covariate) for c in covariate.categories])}"
        if covariate.categories
        else ""
    )
    test = f", {words.method(covariate.test)}" if covariate.test else ""
    return f"{label} ({where}{cut}{test})"


def _covariates(study: Study) -> Paragraph:
    items = "; ".join(_covariate(name, c) for name, c in study.covariate.items())
    return (
        "Baseline",
        f"{items}. The index day counts as before; of two values on one day the later issued is taken. Percentages are "
        "of the subjects with a value; missing counts are printed. Imbalance is given as the standardised mean "
        "difference, whatever its P value.",
    )


def _response(study: Study) -> Paragraph:
    rule = study.response
    assert rule is not None
    readers = ""
    if rule.readers:
        second = f" and {rule.readers.second}" if rule.readers.second else ""
        judge = (
            f", {rule.readers.adjudicator} where they disagree"
            if rule.readers.adjudicator and rule.readers.on_disagreement == "adjudicator"
            else ", the first where they disagree"
            if rule.readers.second
            else ""
        )
        readers = f" by {rule.readers.first}{second}{judge}"
    stable = f" Stable disease needs {rule.min_days_sd} days from the index date." if rule.min_days_sd else ""
    imaging = (
        f" The {words.listing(rule.imaging.modality, 'or')} study behind each assessment is looked for within "
        f"{rule.imaging.max_days_apart} days; assessments without one are counted."
        if rule.imaging
        else ""
    )
    none = "count as non-responders" if rule.not_evaluable == "non-responder" else "are left out of the rates"
    until = words.listing([u.replace("-", " ") for u in rule.best_until], "or")
    made_for = " mRECIST was made for hypervascular liver cancer." if rule.criteria.casefold() == "mrecist" else ""
    return (
        "Response",
        f"{rule.criteria} {_RESPONSE_FROM[rule.source]}{readers}, {words.window(rule.window)}.{made_for} The best "
        f"response is taken up to the first {until}; a response need not be confirmed.{stable}{imaging} "
        f"Objective response is {' + '.join(rule.responders)}, disease control {' + '.join(rule.controlled)}; "
        f"subjects who cannot be evaluated {none}. Rates carry exact (Clopper-Pearson) intervals, their difference the "
        "interval of Miettinen and Nurminen; the order of best responses is compared by the Mann-Whitney test with "
        "correction for ties.",
    )


def _endpoint(endpoint: Endpoint, landmark: int) -> str:
    events = words.listing([words.in_sentence(e.desc) for e in endpoint.events], "or")
    censors = ", else ".join(words.in_sentence(c.desc) for c in endpoint.censors)
    first = ", whichever is first" if len(endpoint.events) > 1 else ""
    start = f"day {landmark}" if landmark else "the index date"
    other = words.listing([words.in_sentence(e.desc) for e in endpoint.competing], "or")
    competing = f"; {other} is a competing event" if other else ""
    return (
        f"{endpoint.label} ({endpoint.id}) runs from {start} to {events}{first}; without an event it is "
        f"censored at: {censors}{competing}."
    )


def _endpoints(study: Study) -> Paragraph:
    rules = study.endpoint_rules
    told = [_endpoint(endpoint, study.index.landmark) for endpoint in study.endpoint]
    zero = "Times of 0 days are kept"
    return (
        "Endpoints",
        f"{' '.join(told)} On one day: {rules.same_day}. {'The first day is day 1' if rules.add_day else zero}. "
        f"Times are in {words.time_unit(rules)}{words.divisor(rules)}. Of a partial date the "
        f"{_PARTIAL[rules.partial_dates.event]}.",
    )


def _survival(study: Study) -> Paragraph:
    plan = study.analysis
    adjust = [words.in_sentence(words.covariate_label(name, study.covariate.get(name))) for name in plan.cox.adjust]
    model = f" One model holds treatment and {words.listing(adjust)}." if adjust else ""
    variations = [s.text or _name(s.id) for s in plan.sensitivity]
    sensitivity = f" Declared sensitivity analyses: {'; '.join(variations)}." if variations else ""
    return (
        "Time to event",
        "Kaplan-Meier curves are compared by the log-rank test with hypergeometric variance. Number at risk counts "
        f"subjects whose time is not before the time named.{model} Models use complete cases, with n and events "
        "printed. Proportional hazards are tested by the score test on Kaplan-Meier time. Follow-up is given as "
        f"observed and by reverse Kaplan-Meier.{sensitivity}",
    )


def describe(method: Method, survival: bool = True, response: bool = True) -> str:
    """A method's conventions in words."""
    parts = []
    if survival:
        median = (
            "as SPSS prints it (median ± 1.96 SE)" if method.median_ci == "spss" else f"Kaplan-Meier, {method.km_ci}"
        )
        parts += [
            f"{method.km_ci} intervals of the curves",
            f"median interval {median}",
            f"{words.method(method.ties)} in Cox models",
        ]
    if response:
        parts.append(f"response by {words.method(method.response)}")
    return ", ".join(parts)


def _choices(study: Study) -> Paragraph:
    plan = study.analysis
    has = bool(study.endpoint), study.response is not None
    second = f" The published method, shown beside it: {describe(plan.published, *has)}." if plan.published else ""
    return (
        "Methods side by side",
        f"The primary method, which we stand by: {describe(plan.primary, *has)}.{second} Intervals cover "
        f"{words.confidence(study)}; tests are two-sided at {plan.alpha:g}, not adjusted for multiplicity. A model "
        f"with fewer than {plan.min_events_per_term} events a term is shown with a warning.",
    )


def _disclosure(study: Study) -> Paragraph:
    rule = study.disclosure
    reason = f" ({rule.reason})" if rule.reason else ""
    if rule.min_count == 0:
        return "Small counts", f"Shown as they are{reason}."
    return "Small counts", f"Counts below {rule.min_count}, and what would give them away, are suppressed{reason}."

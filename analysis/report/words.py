"""The page's words for what the study file and the results name by code."""

from __future__ import annotations

import re

from analysis.study.model import Covariate, EndpointRules, Method, Study, Window

METHODS = {
    "t_pooled": "t test, pooled variance",
    "t_welch": "t test, Welch",
    "chi2": "Pearson chi-square, no correction",
    "pearson": "Pearson chi-square, no correction",
    "fisher": "Fisher's exact test",
    "mann_whitney": "Mann-Whitney, ties corrected",
    "clopper_pearson": "Clopper-Pearson (exact)",
    "miettinen_nurminen": "Miettinen-Nurminen",
    "logrank": "log-rank",
    "cmh": "Cochran-Mantel-Haenszel over the sites",
    "mantel_haenszel_or": "Mantel-Haenszel odds ratio",
    "mantel_haenszel_rd": "Mantel-Haenszel risk difference",
    "efron": "Efron ties",
    "breslow": "Breslow ties",
    "spss": "symmetric interval as SPSS prints it",
    "km_log_log": "Kaplan-Meier, log-log interval",
    "km_log": "Kaplan-Meier, log interval",
    "km_plain": "Kaplan-Meier, plain interval",
    "efron_firth": "Firth's penalised likelihood, Efron ties",
    "breslow_firth": "Firth's penalised likelihood, Breslow ties",
    "observed": "observed time of all subjects",
    "reverse_km": "reverse Kaplan-Meier",
    "km_log_log_middle": "as R: log-log interval, the middle where survival is exactly 0.5",
    "score_km": "each term alone",
    "score_km_adjusted": "all terms in one model",
    "score_identity": "score test, untransformed time",
    "score_rank": "score test, ranked time",
    "score_log": "score test, log time",
}
TESTS = {"score": "score test", "lr": "likelihood ratio", "wald": "Wald's test"}
UNITS = {"day": "days", "month": "months", "year": "years"}
DIVISORS = {"day": "", "month": "days / 30.4375", "year": "days / 365.25"}
PICKS = {
    "closest": "the value closest to the index date",
    "worst": "the worst value",
    "largest": "the largest value",
}
ARM_RULES = {
    "mixed-materials": "Materials of more than one arm on the index day",
    "material-unknown": "Material of no arm found",
    "washout": "An earlier index procedure within the washout",
    "before-landmark": "An event, or the end of observation, before the landmark",
}
SYMBOLS = {">=": "\u2265", "<=": "\u2264"}


def method(code: str) -> str:
    """A method's name in words; an unknown code is printed as it is."""
    return METHODS.get(code, code.replace("_", " "))


def selection(code: str) -> str:
    """A stepwise selection in words, from the method of its rows: ``efron_backward_wald_lr`` is backward with entry by
    Wald's test and removal by likelihood ratio. Where one test is named it is removal's, and entry is by score test."""
    ties, *rest = code.split("_")
    tests = [TESTS.get(part, part) for part in rest if part != "backward"]
    direction = "Backward" if "backward" in rest else "Forward"
    entry = tests[0] if len(tests) > 1 else TESTS["score"]
    return f"{direction} selection, {method(ties)}, entry by {entry}, removal by {tests[-1] if tests else 'no test'}"


def prettify(level: str) -> str:
    """``>=60`` as ``≥ 60``, ``<5`` as ``< 5``; other text is left alone."""
    match = re.fullmatch(r"(>=|<=|<|>)\s*(-?\d.*)", level)
    return f"{SYMBOLS.get(match[1], match[1])}\u00a0{match[2]}" if match else level


def sentence_case(text: str) -> str:
    """The text with a capital at its beginning and the rest as it is."""
    return text[:1].upper() + text[1:]


def covariate_label(name: str, covariate: Covariate | None) -> str:
    """The label of the study file, or the name made readable; the unit behind it."""
    label = covariate.label if covariate and covariate.label else sentence_case(name.replace("_", " "))
    unit = covariate.unit if covariate else None
    shown = {"a": "years", "wk": "weeks", "mo": "months"}.get(unit or "", unit)
    return f"{label}, {shown}" if shown and shown not in label.casefold() else label


def in_sentence(label: str) -> str:
    """A label inside a sentence: its unit goes, an ordinary first word loses its capital, abbreviations keep theirs."""
    bare = re.sub(r"\s*(\(.*\)|, \w+)$", "", label) or label
    first = bare.split()[0] if bare.split() else ""
    return bare[:1].lower() + bare[1:] if first[1:].islower() and "-" not in first else bare


def level_label(level: str, covariate: Covariate | None) -> str:
    """A category's label: the study's own, else the level with its signs made readable."""
    if covariate and covariate.level_labels:
        named = dict(zip((str(x) for x in covariate.levels), covariate.level_labels, strict=True))
        return named.get(level, prettify(level))
    return prettify(level)


def term_label(study: Study, term: str) -> str:
    """A model's term in words: ``age=>=60`` as ``Age: ≥ 60 against < 60``."""
    name, _, level = term.partition("=")
    if name in ("treatment", "arm", "TRT01A"):
        arm = next((a.label for a in study.arm if level in (a.label, a.id)), level or study.experimental.label)
        return f"{arm} against {study.reference.label}"
    covariate = study.covariate.get(name)
    label = covariate_label(name, covariate)
    if not level:
        return f"{label} (per unit)" if covariate and (covariate.cox == "linear" or not covariate.categories) else label
    bare = label.rpartition(", ")[0] if covariate and covariate.unit else label
    against = (
        f" against {level_label(covariate.categories[0], covariate)}" if covariate and covariate.categories else ""
    )
    return f"{bare or label}: {level_label(level, covariate)}{against}"


def window(value: Window | None) -> str:
    """A window in words: ``day -28 to day 0``."""
    if value is None:
        return "any time"
    low = "any day" if value.low is None else _day(value.low)
    high = "the data cut-off" if value.high_at_cutoff or value.high is None else _day(value.high)
    if value.low is None:
        return f"up to {high}"
    return f"from {low} to {high}"


def _day(day: int) -> str:
    return "the index day" if day == 0 else f"day {day}".replace("-", "\u2212")


def time_unit(rules: EndpointRules) -> str:
    """The study's unit of time in the plural, as axes and tables print it."""
    return UNITS[rules.unit]


def start_of_time(study: Study) -> str:
    """What times to an event are counted from, as it stands behind ``since the``."""
    return "landmark" if study.index.landmark else "index date"


def divisor(rules: EndpointRules) -> str:
    """In brackets, how the study's unit is made of days; "" for days that none is added to."""
    parts = [DIVISORS[rules.unit], "one day added" if rules.add_day else "no day added" if DIVISORS[rules.unit] else ""]
    told = ", ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def median_method(chosen: Method) -> str:
    """The results' method code of the median's interval: ``spss`` or ``km_log_log``."""
    return "spss" if chosen.median_ci == "spss" else chosen.km_code


def listing(items: list[str] | tuple[str, ...], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    words = [i for i in items if i]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def confidence(study: Study) -> str:
    """``95 %``, from the study's alpha."""
    return f"{100 * (1 - study.analysis.alpha):g} %"

"""“Read with care”: three to six sentences generated from the data, the most important first.

A sentence is a tuple of text and cells, so that each number in it keeps its results id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from analysis.pages import formats
from analysis.report import words
from analysis.report.context import Context
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.adverse_events import ANY, recorded_of
from analysis.report.sections.baseline import smd
from analysis.report.sections.crossing import crossings, weighted_crossings
from analysis.report.sections.models import by_term
from analysis.report.sections.modifiers import elements

Sentence = tuple[object, ...]
LEAST, MOST = 3, 6
IMBALANCE = 0.1


def care(context: Context) -> list[Sentence]:
    """At most six sentences."""
    lookup = context.lookup()
    made = [
        *_incomplete(context),
        *_modifiers(context),
        *_not_randomised(context),
        *_events_per_term(context, lookup),
        *_imbalance(context, lookup),
        *_crossings(context, lookup),
        *_after_index(context, lookup),
        *_small_expected(context),
        *_imaging(context),
        *_adverse_events(context, lookup),
        *_not_reached(context),
    ]
    if len(made) < LEAST:
        made += [*_tails(context), *_multiplicity(context)][: LEAST - len(made)]
    return made[:MOST]


def _incomplete(context: Context) -> Iterator[Sentence]:
    held = context.provenance.get("held") or ()
    if held:
        yield (f"Data quality checks hold {words.listing(list(held))} out of the analysis.",)
    missing = context.provenance.get("missing") or ()
    if missing:
        yield (f"The data are incomplete: {len(missing)} part(s) could not be fetched, named at the end of this page.",)


def _modifiers(context: Context) -> Iterator[Sentence]:
    named = elements(context)
    if not named:
        return
    shown = [*named[:3], f"{len(named) - 3} more"] if len(named) > 4 else named
    yield (
        f"Modifier extensions in {words.listing(shown)} are read by no table, though they may turn what the data say "
        "into its opposite: ",
        Markup('<a href="#modifiers">which, and in how many resources</a>'),
        ".",
    )


def _not_randomised(context: Context) -> Iterator[Sentence]:
    design = context.study.study.design
    randomised = re.search(r"randomi[sz]ed", design, re.I)
    denied = re.search(
        r"\b(not|non|never|without)\b[- ]*randomi[sz]|non-?randomi[sz]|observational|retrospective", design, re.I
    )
    if denied or not randomised:
        yield (
            f"Treatment was not assigned at random ({design}): what differs between the arms may come from who "
            "received which treatment.",
        )


def _events_per_term(context: Context, lookup: Lookup) -> Iterator[Sentence]:
    wanted = context.study.analysis.min_events_per_term
    found = []
    for endpoint in context.endpoints:
        rows = [r for r in context.index.of(endpoint.id, "cox_adjusted") if not context.masked]
        ties = context.study.analysis.primary.ties
        terms = by_term(context, [r for r in rows if r.method in (ties, "")])
        events = next((f["events"] for _, f in terms if "events" in f), None)
        if events is None or events.value is None or not terms or events.value / len(terms) >= wanted:
            continue
        found.append((endpoint.id, lookup.show(events, quiet=True), len(terms)))
    if found:
        parts: list[object] = []
        for i, (name, events_cell, terms_n) in enumerate(found):
            parts += [", " if i else "", name, " ", events_cell, f" events for {terms_n} terms"]
        yield (
            "The adjusted models are too large for the data (",
            *parts,
            f"; at least {wanted} events a term are asked for): read them as description.",
        )


def _imbalance(context: Context, lookup: Lookup) -> Iterator[Sentence]:
    if context.masked:
        return
    apart: dict[str, Cell] = {}
    for name in context.study.covariate:
        cells = [smd(context, lookup, name, c.group).silent for c in context.contrasts]
        far = [c for c in cells if c.value is not None and abs(c.value) > IMBALANCE]
        if far:
            apart[name] = max(far, key=lambda c: abs(c.value or 0))
    if not apart:
        return
    worst = sorted(apart, key=lambda n: -abs(apart[n].value or 0))[:3]
    parts: list[object] = []
    for i, name in enumerate(worst):
        label = words.covariate_label(name, context.study.covariate[name])
        between = "" if i == 0 else " and " if i == len(worst) - 1 else ", "
        parts += [between, words.in_sentence(label), " (", apart[name], ")"]
    yield (
        f"The arms differ at baseline in {len(apart)} of {len(context.study.covariate)} covariates by a standardised "
        f"mean difference of more than {IMBALANCE:g} either way, most in ",
        *parts,
        ".",
    )


def _crossings(context: Context, lookup: Lookup) -> Iterator[Sentence]:
    by_method, by_weights = crossings(context, lookup), weighted_crossings(context, lookup)
    parts: list[object] = []
    for piece in (*by_method, *by_weights):
        parts += ["; " if parts else "", *piece]
    if parts:
        on = words.listing(["the method" if by_method else "", "the weighting" if by_weights else ""], "and on")
        yield (f"Whether P falls below {context.study.analysis.alpha:g} depends on {on}: ", *parts, ".")


def _after_index(context: Context, lookup: Lookup) -> Iterator[Sentence]:
    ahead = [c for c in context.study.criterion if c.after_index]
    if not ahead:
        return
    parts: list[object] = []
    for i, criterion in enumerate(ahead):
        cell = lookup.cell("flow", criterion.id, "n", quiet=True)
        parts += ["" if i == 0 else " and " if i == len(ahead) - 1 else ", ", f"“{criterion.text}” (", cell, ")"]
    yield (
        "Subjects were left out for what happened after the index date: ",
        *parts,
        "; the sensitivity analyses take them back.",
    )


def _small_expected(context: Context) -> Iterator[Sentence]:
    if context.masked:
        return
    named = []
    for row in context.index.rows:
        if row.statistic != "p" or "expected count" not in row.warning:
            continue
        covariate = context.study.covariate.get(row.variable)
        names = {"orr": "objective response", "dcr": "disease control"}
        name = names.get(row.variable) or words.in_sentence(words.covariate_label(row.variable, covariate))
        if name not in named:
            named.append(name)
    if named:
        yield (
            f"Chi-square P values rest on expected counts below 5 for {words.listing(named)}; the exact test is the "
            "better guide there.",
        )


def _imaging(context: Context) -> Iterator[Sentence]:
    counts = context.provenance.get("unused") or ()
    without = sum(int(_get(c, "n") or 0) for c in counts if "imag" in str(_get(c, "reason")).lower())
    if without:
        shown = formats.guarded(without, context.study.disclosure.min_count)
        yield (f"Response assessments without an imaging study near them: {shown}.",)


def _adverse_events(context: Context, lookup: Lookup) -> Iterator[Sentence]:
    """Of how many anything is known, where it is not everybody."""
    if context.study.adverse_events is None or context.masked:
        return
    known = recorded_of(lookup, ANY, "total")
    if known.value == 0:
        yield ("Nothing is recorded of adverse events; that is not known to be none.",)
    elif known.row and known.value is not None and known.value < (known.row.n or 0):
        yield (
            "Anything on adverse events is recorded of ",
            known.silent,
            " subjects of ",
            known.denominator,
            "; of the others it is not known whether they had any.",
        )


def _get(record: Any, key: str) -> Any:
    return record.get(key) if hasattr(record, "get") else getattr(record, key, None)


def _tails(context: Context) -> Iterator[Sentence]:
    """Where the curves rest on few: the first tick of the risk table with under a tenth of an arm."""
    for endpoint in context.endpoints if not context.masked else []:
        rows = [r for r in context.index.of(endpoint.id, "risk_table") if r.statistic == "at_risk"]
        starts = {r.group: r.value for r in rows if float(r.level) == 0 and r.value}
        few = [float(r.level) for r in rows if r.value is not None and r.value < 0.1 * starts.get(r.group, 0.0)]
        if few:
            unit = words.time_unit(context.study.endpoint_rules)
            yield (
                f"From {min(few):g} {unit} on, fewer than a tenth of an arm is at risk for {endpoint.id}: the ends of "
                "the curves rest on few subjects.",
            )


def _multiplicity(context: Context) -> Iterator[Sentence]:
    if not context.masked:
        yield (
            f"P values are not adjusted for their number; a P above {context.study.analysis.alpha:g} does not show "
            "that the arms are equal.",
        )
    yield ("One cohort is one sample: another would give other figures, within the intervals and at times beyond.",)
    yield ("What was not recorded in the sources is not known here, and not zero.",)


def _not_reached(context: Context) -> Iterator[Sentence]:
    if context.masked:
        return
    found: list[object] = []
    method = words.median_method(context.study.analysis.primary)
    for endpoint in context.endpoints:
        for row in context.index.of(endpoint.id, "median"):
            if row.not_estimable and row.statistic in ("estimate", "upper") and row.method == method:
                what = "median" if row.statistic == "estimate" else "upper limit of the median"
                found.append(f"{endpoint.id} {what} of {row.group}")
    if found:
        yield (Markup("Not reached, so not estimable: {}.").format(words.listing([str(f) for f in found])),)

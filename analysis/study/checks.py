"""What a study file must be beyond its shape: every name leads somewhere, and the definition can be answered.

These look at the parsed document, not at the model, so that they run (and report) even while the shape is still
wrong; whatever has the wrong shape is passed over here. Each check yields the path of the fault and a sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from analysis.study.base import last_day
from analysis.study.faults import did_you_mean, near_or_all
from analysis.study.toml_lines import Path

Fault = tuple[Path, str]
Document = Mapping[str, Any]

TABLES = (
    *(
        "condition",
        "procedure",
        "procedure_used_code",
        "device",
        "substance",
        "medication",
        "medication_administration",
        "adverse_event",
    ),
    *("observation", "observation_value", "observation_component", "imaging_study"),
)
"""The standard views in whose codes a list can be looked for."""

UNDATED = frozenset({"procedure_used_code", "device", "substance", "medication", "imaging_study"})
"""Of these the tables that hold no dated record of a subject: what a procedure used, and phases of scans."""

RESPONSES = ("CR", "PR", "SD", "PD")
"""The levels of a response where a study gives no order."""

FROM_PATIENT = ("age", "sex")
"""What a covariate with ``from = "patient"`` may be called: the name says what is read."""

_LIST_KEYS = (
    *("index.event.list", "arm.*.all.*.list", "criterion.*.require.list", "criterion.*.exclude.list"),
    *("covariate.*.list", "response.list", "response.site", "response.new_therapy.list"),
    *("response.new_therapy.not_part_of", "endpoint.*.events.*.site", "endpoint.*.events.*.list"),
    *("endpoint.*.competing.*.site", "endpoint.*.competing.*.list"),
    *("alive.last_contact", "alive.vital_status", "alive.death"),
    *("treatment.materials.*", "treatment.sizes.*", "treatment.drugs.*.list"),
    *("adverse_events.events.*.list", "adverse_events.looked.*"),
    "response.imaging.phases.*.list",
    *(f"response.lesions.{key}" for key in ("list", "identity", "diameter", "role", "enhancement", "status")),
)
_MAP_KEYS = (
    "covariate.*.values",
    "response.values",
    "response.lesions.values",
    "alive.vital_status_values",
    "adverse_events.grades",
    "supplement.variable.*.values",
)
# Ids the flow diagram gives itself.
_FLOW_WORDS = ("screened", "excluded", "analysed", "washout", "before-landmark")


def at(document: Any, pattern: str) -> Iterator[tuple[Path, Any]]:
    """Path and value of every place a dotted pattern names; ``*`` is any key or position."""

    def walk(value: Any, parts: Sequence[str], path: Path) -> Iterator[tuple[Path, Any]]:
        if not parts:
            yield path, value
        elif parts[0] == "*":
            keys: Iterable[str | int] = value if isinstance(value, Mapping) else ()
            keys = range(len(value)) if isinstance(value, list) else keys
            for key in keys:
                yield from walk(value[key], parts[1:], (*path, key))
        elif isinstance(value, Mapping) and parts[0] in value:
            yield from walk(value[parts[0]], parts[1:], (*path, parts[0]))

    yield from walk(document, pattern.split("."), ())


def texts(document: Document, *patterns: str) -> Iterator[tuple[Path, str]]:
    """As :func:`at`, texts only."""
    for pattern in patterns:
        yield from ((path, value) for path, value in at(document, pattern) if isinstance(value, str))


def list_names(document: Document) -> Iterator[tuple[Path, str]]:
    """Every place that names a code list."""
    yield from texts(document, *_LIST_KEYS)
    for path, value in texts(document, "arm.*.all.*.any_of.*"):
        if ":" in value:
            yield path, value.partition(":")[2]
    for path, value in texts(document, "analysis.sensitivity.*.censor"):
        if value != "arm-switch":
            yield path, value


def map_names(document: Document) -> Iterator[tuple[Path, str]]:
    """Every place that names a concept map."""
    yield from texts(document, *_MAP_KEYS)


def names(document: Document) -> Iterator[Fault]:
    """Names that lead nowhere, and lists that nothing uses."""
    declared = set(_table(document, "list"))
    for path, name in list_names(document):
        if name not in declared:
            near = did_you_mean(name, declared) or f": add it, and its codes in codes/{name}.json"
            yield path, f"no [list.{name}] is declared{near}"
    used = {name for _, name in list_names(document)}
    for name in _table(document, "list"):
        if name not in used:
            yield ("list", name), "nothing uses this list: use it or take it out"
    covariates = set(_table(document, "covariate"))
    keys = ("criterion.*.require.covariate", "criterion.*.exclude.covariate", "analysis.cox.adjust.*")
    for path, name in texts(document, *keys):
        if name not in covariates:
            yield path, f"there is no [covariate.{name}]{near_or_all(name, covariates)}"
    criteria = {name for _, name in texts(document, "criterion.*.id")}
    for path, name in texts(document, "analysis.sensitivity.*.drop_criterion"):
        if name not in criteria:
            yield path, f"there is no criterion {name!r}{near_or_all(name, criteria)}"
    for path, table in [*texts(document, "list.*.table"), *texts(document, "list.*.table.*")]:
        if table not in TABLES:
            yield path, f"there is no table {table!r} with codes{did_you_mean(table, TABLES)}; {', '.join(TABLES)}"


def found_nowhere(document: Document) -> Iterator[Fault]:
    """Criteria and covariates on lists in whose tables no record of a subject is looked for."""
    for path, name in texts(document, "criterion.*.require.list", "criterion.*.exclude.list", "covariate.*.list"):
        tables = scalars(get(document, "list", name, "table"))
        if tables and UNDATED.issuperset(tables):
            words = " and ".join(str(table) for table in tables)
            yield path, f"no record of a subject is looked for in {words}: add another table to [list.{name}]"


def unique(document: Document) -> Iterator[Fault]:
    """Ids and labels that are used twice or mean something already."""
    for pattern in ("arm.*.id", "arm.*.label", "criterion.*.id", "endpoint.*.id", "analysis.sensitivity.*.id"):
        counts = Counter(value for _, value in texts(document, pattern))
        seen: set[str] = set()
        for path, value in texts(document, pattern):
            if counts[value] > 1 and value in seen:
                yield path, f"{value!r} is used twice: give each its own"
            seen.add(value)
    rules = [value.partition(":")[2] for _, value in texts(document, "arm_rules.both", "arm_rules.neither")]
    taken = {*_FLOW_WORDS, *(rules or ("mixed-materials", "material-unknown"))}
    for path, value in texts(document, "criterion.*.id"):
        if value in taken:
            yield path, f"{value!r} already names a step of the flow diagram: take another word"
    for path, value in texts(document, "arm.*.label"):
        if value == "total" or " vs " in value:
            yield path, 'a label cannot be "total" or hold " vs ": results use these'


def covariates(document: Document) -> Iterator[Fault]:
    """Baseline variables that cannot be computed as asked."""
    for name, one in _table(document, "covariate").items():
        path: Path = ("covariate", name)
        if not isinstance(one, Mapping):
            continue
        cut, levels = scalars(one.get("cut")), scalars(one.get("levels"))
        if one.get("from") == "patient" and name not in FROM_PATIENT:
            yield path, f"only {' and '.join(FROM_PATIENT)} come from the patient: name it so, or give a list"
        if all(isinstance(c, int | float) for c in cut) and sorted(set(cut)) != cut:
            yield (*path, "cut"), "the cut points must rise: write each once, the lowest first"
        for key in ("levels", "labels", "level_labels"):
            if isinstance(one.get(key), list) and len({str(item) for item in one[key]}) != len(one[key]):
                yield (*path, key), "an entry stands twice: each may stand once"
        if one.get("cox") == "cut" and not cut:
            yield (*path, "cox"), 'cox = "cut" needs cut points: add cut and labels'
        if one.get("cox") == "levels" and not levels:
            yield (*path, "cox"), 'cox = "levels" needs levels: add them, or say "linear"'
        if one.get("cox") == "linear" and levels and not all(isinstance(level, int) for level in levels):
            yield (*path, "cox"), 'cox = "linear" needs levels that are whole numbers: say "levels"'
        if levels and one.get("table1") in ("mean_sd", "median_iqr"):
            yield (*path, "table1"), f"{one['table1']} needs a number, and this variable has levels: say count"
        if levels and one.get("test") in ("t_pooled", "t_welch"):
            yield (*path, "test"), "a t test needs a number, and this variable has levels: say chi2 or fisher"
        if not levels and not cut and one.get("test") in ("chi2", "fisher"):
            yield (
                (*path, "test"),
                "a test of counts needs levels or cut: add one of them, or say t_welch or mann_whitney",
            )
        window = one.get("window")
        if isinstance(window, str) and _looks_ahead(window):
            yield (
                (*path, "window"),
                'a baseline variable cannot look after the index date: end the window at 0, for instance "-28..0"',
            )


def criteria(document: Document) -> Iterator[Fault]:
    """Criteria that cannot be met, or whose reason names no sensitivity analysis."""
    drops = {
        one.get("id"): one.get("drop_criterion")
        for _, one in at(document, "analysis.sensitivity.*")
        if isinstance(one, Mapping) and isinstance(one.get("id"), str)
    }
    complete = any(True for _ in at(document, "criterion.*.require.complete"))
    for path, one in at(document, "criterion.*"):
        if not isinstance(one, Mapping):
            continue
        if isinstance(one.get("after_index"), str):
            yield from _after_index((*path, "after_index"), one, drops)
        if one.get("missing") == "later" and not complete:
            yield (
                (*path, "missing"),
                '"later" leaves it to a completeness criterion, and there is none: add one',
            )
        elif one.get("missing") == "later" and not any(get(one, way, "covariate") for way in ("require", "exclude")):
            yield (
                (*path, "missing"),
                '"later" is for covariates, not lists: say "fails" or "passes"',
            )
        if isinstance(one.get("exclude"), Mapping) and "complete" in one["exclude"]:
            yield (*path, "exclude"), 'completeness is required, not excluded: require = { complete = "covariates" }'
    for path, rule in [*at(document, "criterion.*.require"), *at(document, "criterion.*.exclude")]:
        if not isinstance(rule, Mapping):
            continue
        if rule.get("complete") and (document["criterion"][path[1]] or {}).get("missing") in ("passes", "later"):
            yield (*path[:2], "missing"), 'completeness means missing data fail: missing = "fails"'
        levels = get(document, "covariate", rule.get("covariate"), "levels")
        if isinstance(levels, list) and isinstance(rule.get("in"), list):
            for position, level in enumerate(rule["in"]):
                if level not in levels:
                    near = near_or_all(str(level), map(str, levels))
                    yield (*path, "in", position), f"is no level of {rule['covariate']}{near}"
        if rule.get("assessments") and "response" not in document:
            yield (
                (*path, "assessments"),
                "assessments are counted by [response], and there is none: add it, or take this out",
            )


def _after_index(path: Path, one: Mapping[str, Any], drops: Mapping[Any, Any]) -> Iterator[Fault]:
    words = re.findall(r"[a-z][a-z0-9-]*", one["after_index"])
    named = [word for word in words if word in drops]
    if not named:
        asked = re.search(r"sensitivity(?: analysis)?:? ([a-z][a-z0-9-]*)", one["after_index"])
        unknown = f"there is no sensitivity analysis {asked[1]!r}{did_you_mean(asked[1], drops)}" if asked else ""
        yield path, unknown or "must name a sensitivity analysis of the study, for instance sensitivity all-treated"
    elif all(drops[name] != one.get("id") for name in named):
        yield path, f"sensitivity {named[0]} must drop this criterion: drop_criterion = {str(one.get('id'))!r}"


def response(document: Document) -> Iterator[Fault]:
    """Response levels, readers and endpoints that do not fit together."""
    rules = document.get("response")
    known = scalars(get(document, "response", "order")) or list(RESPONSES)
    levels = ("endpoint.*.events.*.response", "endpoint.*.competing.*.response")
    for path, level in texts(document, "response.responders.*", "response.controlled.*", *levels):
        if level not in known:
            yield path, f"{level!r} is not in response.order{near_or_all(level, map(str, known))}"
    asked = (*levels, "endpoint.*.censors.*.last")
    for path, value in [found for key in asked for found in at(document, key)]:
        if rules is None and (path[-1] != "last" or value == "adequate assessment"):
            yield path, "it needs [response], and there is none: add it, or take this out"
    if not isinstance(rules, Mapping):
        return
    yield from _lesions(rules)
    for path, name in texts(document, "response.imaging.phases.*.list"):
        tables = scalars(get(document, "list", name, "table"))
        if tables and "imaging_study" not in tables:
            yield path, f"a phase is looked for in scans: add imaging_study to [list.{name}] table"
    readers = rules.get("readers")
    if isinstance(readers, Mapping) and readers.get("second") and not readers.get("adjudicator"):
        way = readers.get("on_disagreement", "adjudicator")
        if way == "adjudicator":
            yield ("response", "readers"), 'two readers need an adjudicator, or on_disagreement = "first"'
    window = rules.get("window")
    if isinstance(window, str) and (low := re.match(r"\s*(-?\d+)?\.\.", window)) and int(low[1] or -1) < 1:
        yield ("response", "window"), "must begin on day 1 or later: earlier assessments are not the treatment's"


def _lesions(rules: Mapping[str, Any]) -> Iterator[Fault]:
    asked = rules.get("lesions")
    if not isinstance(asked, Mapping):
        if rules.get("source") in ("derived", "recorded-then-derived"):
            yield ("response", "source"), "a derived response needs lesion measurements: add [response.lesions]"
        return
    coded = [key for key in ("role", "enhancement", "status") if key in asked]
    if coded and "values" not in asked:
        yield ("response", "lesions"), f"{coded[0]} is a coded answer: values must name the ConceptMap of the answers"
    window = asked.get("window")
    if isinstance(window, str) and _looks_ahead(window):
        yield ("response", "lesions", "window"), 'the baseline lies before treatment: end the window at 0, "-56..0"'


def sensitivity(document: Document) -> Iterator[Fault]:
    """Sensitivity analyses that change nothing."""
    changes = ("set", "drop_criterion", "censor", "partial_dates", "max_gap_days")
    assessed = "adequate assessment" in [last for _, last in texts(document, "endpoint.*.censors.*.last")]
    for path, one in at(document, "analysis.sensitivity.*"):
        if isinstance(one, Mapping) and not set(changes) & set(one):
            yield path, f"changes nothing: say {', '.join(changes[:-1])} or {changes[-1]}"
        elif isinstance(one, Mapping) and "max_gap_days" in one and not assessed:
            yield (
                (*path, "max_gap_days"),
                'no endpoint is censored at its last assessment: add { last = "adequate assessment" }, or leave this',
            )


def weak(document: Document) -> Iterator[Fault]:
    """A definition by which a patient with nothing but the index procedure on record would be analysed."""
    index_list = get(document, "index", "event", "list")
    for _, one in at(document, "criterion.*"):
        if not isinstance(one, Mapping) or one.get("missing") != "fails":
            continue
        rule = one.get("require") or one.get("exclude")
        if not isinstance(rule, Mapping):
            return  # its shape is wrong and reported: no second opinion on it
        # Completeness of what the Patient alone tells, or of nothing, asks for no record.
        asks = rule.get("assessments") or any(True for _ in at(document, "covariate.*.list"))
        # The index procedure itself would answer for its own list.
        if rule.get("list") != index_list and rule.get("covariate") != "age" and (asks or not rule.get("complete")):
            return
    path: Path = ("criterion",) if "criterion" in document else ("index",)
    yield (
        path,
        "a patient of whom nothing but the index procedure is recorded would be analysed: no criterion fails when its "
        'data are missing; add one with require = { complete = "covariates" } and missing = "fails"',
    )


CHECKS: tuple[Callable[[Document], Iterator[Fault]], ...] = (
    *(names, found_nowhere, unique, covariates, criteria, response, sensitivity, weak),
)
"""The checks that need the document only."""


def _table(document: Document, name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def scalars(value: Any) -> list[Any]:
    """The plain values of a list, or one plain value as a list; anything else is passed over."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str | int | float)]


def get(document: Any, *keys: Any) -> Any:
    """What stands under the keys, one within the other; None where one is missing or not a table."""
    for key in keys:
        if not isinstance(document, Mapping) or not isinstance(key, str):
            return None
        document = document.get(key)
    return document


def _looks_ahead(window: str) -> bool:
    last = last_day(window)
    return last == "open" or (last is not None and last > 0)

"""The column dictionary of one study's ADaM-shaped data sets: what each column is, whence, and what may stand in it.

``columns.toml`` holds what is the same in every study; the study file says the rest (covariates, endpoints, levels).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from analysis.derive.alive import COMPLETE
from analysis.derive.missed_visits import missed_because
from analysis.derive.origins import RECORD, SUPPLEMENT, supplemented
from analysis.derive.response import DERIVED, NOT_EVALUABLE, RECORDED
from analysis.study.adverse_events import GRADES
from analysis.study.exclusions import BEFORE_LANDMARK, WASHOUT, exclusion_reasons

if TYPE_CHECKING:
    from analysis.study.model import Covariate, Endpoint, Study

FORMAT = 1
Codes = dict[str, str]
_ORIGINS = {RECORD: "as the sites' servers hold it", SUPPLEMENT: "from the supplement"}


def define(study: Study, checks: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The dictionary as plain data, for ``define.json`` beside the data sets.

    Args:
        study: the study the data sets are of.
        checks: what the checks that may drop a subject look at, by id.

    Returns:
        ``format``, ``study``, ``title``, ``data`` and ``datasets``: each with name, file, label, structure, keys and
        columns; each column with name, label, type and derivation, and ``codes`` (code to meaning) where only these may
        stand in it.
    """
    lists = _code_lists(study, checks or {})
    only_where = {"adtr": _has_lesions(study), "adex": bool(study.treatment), "adae": bool(study.adverse_events)}
    asked = [name for name in _common() if only_where.get(name, True)]
    return {
        "format": FORMAT,
        "study": study.study.id,
        "title": study.study.title,
        "data": study.study.data,
        "datasets": [
            {
                "name": name.upper() if name != "analysis_table" else name,
                "file": f"{name}.csv",
                "label": said["label"],
                "structure": said["structure"],
                "columns": list(_columns(study, said["columns"], lists)),
            }
            for name, said in _common().items()
            if name in asked
        ],
    }


@cache
def _common() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("columns.toml").read_text(encoding="utf-8"))


def _has_lesions(study: Study) -> bool:
    return study.response is not None and study.response.lesions is not None


def _columns(study: Study, said: list[dict[str, str]], lists: Mapping[str, Codes]) -> Iterator[dict[str, Any]]:
    made = {"covariates": _covariates, "distances": _distances, "sources": _sources, "outcomes": _outcomes}
    for column in said:
        if "each" in column:
            yield from made[column["each"]](study)
            continue
        yield _column(
            column["name"], column["label"], column["type"], column["derivation"], lists.get(column.get("codes", ""))
        )


def _column(name: str, label: str, type_: str, derivation: str, codes: Codes | None = None) -> dict[str, Any]:
    made = {"name": name, "label": label, "type": type_, "derivation": derivation}
    return made | ({} if codes is None else {"codes": codes})


def _covariates(study: Study) -> Iterator[dict[str, Any]]:
    for name, rule in study.covariate.items():
        label = rule.label or name
        unit = f", in {rule.unit} (UCUM)" if rule.unit else ""
        yield _column(name, label, _type(name, rule), _whence(name, rule) + unit, _levels(rule))
        if rule.cut:
            cuts = ", ".join(f"{cut:g}" for cut in rule.cut)
            how = f"{name} cut at {cuts}: a value at a cut point belongs above it"
            yield _column(f"{name}_cat", f"{label}, category", "string", how, _named(rule.labels, ()))


def _type(name: str, rule: Covariate) -> str:
    return "string" if rule.levels or name == "sex" else "double"


def _levels(rule: Covariate) -> Codes | None:
    return _named(rule.categories, rule.level_labels) if rule.levels else None


def _named(codes: tuple[str, ...], meanings: tuple[str, ...]) -> Codes:
    return dict(zip(codes, meanings or codes, strict=True))


def _whence(name: str, rule: Covariate) -> str:
    if rule.from_ is not None:
        return (
            "whole years from Patient.birthDate to the index date" if rule.at else f"Patient.{_FIELD.get(name, name)}"
        )
    picked = {"closest": "closest to the index date", "worst": "the worst level", "largest": "the largest"}[rule.pick]
    mapped = f", by the map {rule.values}" if rule.values else ""
    return f"the list {rule.list_} in days {rule.window}, {picked}{mapped}"


_FIELD = {"sex": "gender"}


def _distances(study: Study) -> Iterator[dict[str, Any]]:
    for name, rule in study.covariate.items():
        if rule.from_ is None:
            label = f"{rule.label or name}, day measured"
            yield _column(f"{name}_day", label, "integer", f"days from the index date to what {name} was taken from")


def _sources(study: Study) -> Iterator[dict[str, Any]]:
    """What the record and the supplement each give of a covariate that both may hold."""
    for name, rule in study.covariate.items():
        for origin in (RECORD, SUPPLEMENT) if supplemented(study, rule.list_) else ():
            label, how = f"{rule.label or name}, {origin}", f"{name} by its rule, {_ORIGINS[origin]}, alone"
            yield _column(f"{name}_{origin}", label, _type(name, rule), how, _levels(rule))


def _outcomes(study: Study) -> Iterator[dict[str, Any]]:
    for endpoint in study.endpoint:
        whence = f"of {endpoint.id} in ADTTE"
        yield _column(f"{endpoint.id}_AVAL", f"{endpoint.label} (days)", "double", f"AVAL {whence}")
        yield _column(
            f"{endpoint.id}_CNSR", f"{endpoint.label}, censor", "integer", f"CNSR {whence}", _censored(study, endpoint)
        )


def _code_lists(study: Study, checks: Mapping[str, str]) -> dict[str, Codes]:
    """Every code list that ``columns.toml`` names, for this study."""
    levels = {**_same(study.response.order if study.response else ()), NOT_EVALUABLE: "not evaluable"}
    scale = {**_same(("CR", "PR", "SD", "PD")), NOT_EVALUABLE: "not evaluable"}
    ends = [source.desc for endpoint in study.endpoint for source in endpoint.censors]
    ends += [source.desc for endpoint in study.endpoint for source in endpoint.competing]
    censors = _same([*ends, *_reasons_to_censor(study)])
    imaging = study.response.imaging if study.response else None
    return {
        "study": {study.study.id: study.study.title},
        "arms": {arm.label: arm.id for arm in study.arm},
        "imputed": {"M": "month and day", "D": "day"},
        "yes_no": {"Y": "yes", "N": "no"},
        "reasons": _reasons(study, checks),
        "alive": {
            COMPLETE: "not dead on the day to which the site's deaths are complete",
            "last contact": "date of last contact",
            "vital status": "vital status recorded as alive",
            "index": "the index procedure",
            **{table: f"a record in the table {table}" for table in study.alive.tables},
        },
        "responses": _responses(study),
        "levels": levels,
        "origins": {RECORDED: "as assessed", **({DERIVED: "from lesion measurements"} if _has_lesions(study) else {})},
        "assessment_sources": _ORIGINS,
        "modalities": _same(name.upper() for name in (imaging.modality if imaging else ())),
        "sums": {"SUMDIAM": "sum of the targets' viable diameters"},
        "targets": scale | {"none": "the subject has no target"},
        "non_targets": {
            "CR": "gone", "non-CR/non-PD": "neither gone nor progressed", "PD": "progressed",
            NOT_EVALUABLE: "not evaluable", "none": "the subject has no non-target",
        },
        "overall": scale,
        "exposures": {"SESSION": "a session", "MATERIAL": "material", "SIZE": "size of the beads", "DRUG": "drug"},
        "used": _same(study.treatment.lists if study.treatment else ()),
        "records": {"EVENT": "an event", "ABSENT": "said not to be there", "LOOKED": "someone looked"},
        "events": _adverse(study),
        "grades": _same(GRADES),
        "endpoints": {endpoint.id: endpoint.label for endpoint in study.endpoint},
        "days": {"DAYS": "days"},
        "censored": _censored(study, *study.endpoint),
        "sources": _same(source.desc for endpoint in study.endpoint for source in endpoint.sources) | censors,
        "censors": censors,
        "domains": {"ADRS": "response", "ADSL": "subject level"},
        "variables": {
            "ADT": "day of the assessment", "DTHDT": "date of death", "LSTALVDT": "date last known alive",
            "TRTSDT": "index date",
        },
    }  # fmt: skip


def _same(codes: Any) -> Codes:
    return {code: code for code in codes}


def _adverse(study: Study) -> Codes:
    asked = study.adverse_events
    return {} if asked is None else _same(asked.lists) | {one.list_: one.label or one.list_ for one in asked.events}


def _reasons(study: Study, checks: Mapping[str, str]) -> Codes:
    rules = study.arm_rules
    said = {
        WASHOUT: "an earlier listed procedure within washout_days",
        BEFORE_LANDMARK: "an event, or no longer observed, before the landmark",
        rules.both.removeprefix("exclude:"): "treatments of more than one arm on the index day",
        rules.neither.removeprefix("exclude:"): "treatment of no arm on the index day",
        **{criterion.id: criterion.text for criterion in study.criterion},
    }
    return {reason: said[reason] for reason in exclusion_reasons(study)} | dict(checks)


def _responses(study: Study) -> Codes:
    made = {"OVRLRESP": "overall response the study goes by", "BOR": "best overall response the study goes by"}
    if not _has_lesions(study):
        return made
    assert study.response is not None
    short, word = ("REC", "recorded") if study.response.source == "derived" else ("DRV", "derived")
    return made | {
        f"{short}RESP": f"{word} overall response, for comparison",
        f"{short}BOR": f"{word} best, for comparison",
    }


def _reasons_to_censor(study: Study) -> list[str]:
    """What stands in the rows that a sensitivity analysis ends for a reason of its own."""
    asked = study.analysis.sensitivity
    return [
        *(one.text or f"Censored at {one.censor}" for one in asked if one.censor),
        *(missed_because(one) for one in asked if one.max_gap_days),
    ]


def _censored(study: Study, *endpoints: Endpoint) -> Codes:
    """What each CNSR means; where it means another thing in each of ``endpoints``, all of them."""
    said: dict[int, list[str]] = {0: ["event"]}
    for endpoint in endpoints:
        for code in range(1, len(endpoint.censors) + 1):
            said.setdefault(code, []).append(f"censored by source {code} of the endpoint")
        for code, source in zip(endpoint.competing_codes, endpoint.competing, strict=True):
            said.setdefault(code, []).append(f"competing event: {source.desc}")
        if _reasons_to_censor(study):
            said.setdefault(endpoint.competing_codes.stop, []).append("censored by a sensitivity analysis' own reason")
    return {str(code): "; ".join(dict.fromkeys(meanings)) for code, meanings in sorted(said.items())}

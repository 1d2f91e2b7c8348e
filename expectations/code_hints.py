"""Which variable of a study a code that no list takes might feed, and why one may think so: guesses, no mapping."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from analysis.study.model import Study
from analysis.study.uses import list_uses
from mappings.code_model import CodeList

_LEAST_LETTERS = 4
_EVERYWHERE = frozenset(
    {
        "with", "without", "from", "into", "other", "unspecified", "code", "codes", "invented", "measurement",
        "procedure", "finding", "disease", "disorder", "history", "patient", "study", "blood", "serum", "plasma",
        "mass", "volume", "body", "level", "value", "values", "presence", "normal", "status",
    }
)  # fmt: skip
"""Words of many codes' names, which say nothing of what is meant."""
# Two spellings of one word: haemoglobin, oedema, tumour.
_SPELLINGS = ((re.compile("ae|oe"), "e"), (re.compile("our"), "or"))


@dataclass(frozen=True)
class Hint:
    """A list that the code might belong into, the variables it feeds, and the reason."""

    code_list: str
    variables: tuple[str, ...]
    why: str


def hints(
    study: Study, codes: Mapping[str, CodeList], view: str, system: str, code: str, displays: Collection[str] = ()
) -> list[Hint]:
    """Lists of the same view that speak for a coding, the stronger reason first: its code under another system, then
    words its text shares with a list's name, titles and displays, or with what the study calls the variable."""
    named = variables(study)
    said = words(" ".join(displays))
    found: list[tuple[int, Hint]] = []
    for name in dict.fromkeys(use.name for use in list_uses(study) if use.role != "site" and view in use.tables):
        made = codes.get(name)
        if made is None:
            continue
        under = sorted({e.system or "no system" for e in made.entries if e.code.lower() == code.lower()} - {system})
        shared = sorted(said & words(_texts(made, named.get(name, ()))))
        if under:
            found.append((1000, Hint(name, named.get(name, ()), f"the list has this code under {under[0]}")))
        elif shared:
            quoted = ", ".join(f"“{word}”" for word in shared)
            found.append((len(shared), Hint(name, named.get(name, ()), f"its text shares {quoted}")))
    return [hint for _, hint in sorted(found, key=lambda one: (-one[0], one[1].code_list))]


def words(text: str) -> set[str]:
    """The words of a text that may say what is meant, in one spelling."""
    found = set()
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        for pattern, letter in _SPELLINGS:
            word = pattern.sub(letter, word)
        if len(word) >= _LEAST_LETTERS and word not in _EVERYWHERE:
            found.add(word)
    return found


def variables(study: Study) -> dict[str, tuple[str, ...]]:
    """What each list feeds, in the words of the study file."""
    found: dict[str, dict[str, None]] = {}
    for name, what in _fed(study):
        if name:
            found.setdefault(name, {})[what] = None
    return {name: tuple(whats) for name, whats in found.items()}


def _fed(study: Study) -> Iterator[tuple[str | None, str]]:
    yield study.index.event.list_, "the index event"
    for arm in study.arm:
        for clause in arm.all_:
            yield clause.list_, f"arm {arm.label}"
            for source in clause.any_of:
                yield source.partition(":")[2], f"arm {arm.label}"
    for criterion in study.criterion:
        yield criterion.rule.list_, f"criterion {criterion.id}"
    for covariate in study.covariate.values():
        yield covariate.list_, f"covariate {covariate.label}"
    if study.response is not None:
        yield study.response.list_, "response"
        if study.response.new_therapy is not None:
            yield study.response.new_therapy.list_, "response (new therapy)"
        for measured in study.response.lesions.lists if study.response.lesions is not None else ():
            yield measured, "response (lesions)"
    for endpoint in study.endpoint:
        for event in endpoint.sources:
            yield event.list_, endpoint.label
    for name in (study.alive.last_contact, study.alive.vital_status, study.alive.death):
        yield name, "last known alive, and death"
    for name in study.treatment.lists if study.treatment else ():
        yield name, "treatment as given"
    for name in study.adverse_events.lists if study.adverse_events else ():
        yield name, "adverse events"


def _texts(made: CodeList, named: Collection[str]) -> str:
    displays = (entry.display for entry in made.entries)
    return " ".join((made.name.replace("-", " "), made.title, *displays, *made.words, *named))

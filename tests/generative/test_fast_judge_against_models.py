"""Oracle: fhir.resources' models, asked of every resource. The quick judge must say the same of valid and broken ones.

BEDSIDE_VERDICTS sets how many resources are tried (default 3,000, a few seconds; 100,000 take minutes).
"""

from __future__ import annotations

import copy
import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from flows.acceptance import schema_file
from flows.acceptance.chunks import judge_line, judge_lines
from flows.acceptance.fast_judge import FastJudge
from flows.acceptance.findings import Finding
from flows.acceptance.models_judge import ModelsJudge
from flows.acceptance.schema_file import SchemaFile
from mappings.elements import resource_names
from tests.conftest import SHARED
from tests.generative.mutations import ON_RESOURCES, ON_TEXT
from tests.generative.resources_of_models import resource_of

VERDICTS = int(os.environ.get("BEDSIDE_VERDICTS", "3000"))
SAMPLE_OF_EACH = 40

Case = tuple[str, bytes, str]
MODELS = ModelsJudge()


@lru_cache(20_000)
def _models_say(type_: str, text: bytes) -> tuple[tuple[Finding, ...], str | None]:
    return judge_line(type_, text, MODELS)


class _Asked:
    """The models behind the quick judge, with how often it asked them."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, resource_type: str, _: dict[str, Any], text: bytes, /) -> Sequence[Finding]:
        self.times += 1
        return _models_say(resource_type, text)[0]


@dataclass
class Compared:
    """What came of a comparison. ``quick``: accepted without the models, by kind of change."""

    differ: list[str] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    quick: Counter[str] = field(default_factory=Counter)
    valid: Counter[str] = field(default_factory=Counter)


def compare(cases: Iterable[Case], schemas: SchemaFile | None = None) -> Compared:
    """Both judges' verdicts on each case: type of the file, line, what was done to it."""
    models = _Asked()
    fast = FastJudge(schemas, lambda: models)
    done = Compared()
    for type_, text, change in cases:
        expected = _models_say(type_, text)
        before = models.times
        said = judge_line(type_, text, fast)
        if said != expected:
            done.differ.append(f"{change} {type_}: {said} for {expected}")
        done.tried[change] += 1
        done.valid[change] += not expected[0]
        done.quick[change] += models.times == before and not said[0]
    return done


@cache
def resources() -> list[dict[str, Any]]:
    """Some of every type, bare and rich, and where the public sample is at hand some of each of its types too."""
    random = Random("resources")
    found = [resource_of(type_, random, more) for type_ in resource_names() for more in (0.0, 0.15, 0.4)]
    for path in sorted((SHARED / "synthea").glob("*.ndjson.gz")):
        with gzip.open(path) as lines:
            found += [orjson.loads(line) for line in islice(lines, SAMPLE_OF_EACH)]
    return found


def changed(seed: str) -> Iterator[Case]:
    """Resources as they are and changed once, twice or thrice, without end; equal for equal seeds."""
    random = Random(seed)
    known = resources()
    for resource in known:
        yield resource["resourceType"], orjson.dumps(resource), "none"
    while True:
        resource = copy.deepcopy(random.choice(known))
        type_ = resource["resourceType"]
        names = []
        for change in random.choices(ON_RESOURCES, k=random.choice([1, 1, 1, 2, 3])):
            if resource:
                change(resource, random)
                names.append(change.__name__)
        # Python's own writer: it knows whole numbers of any size.
        text = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
        if random.random() < 0.15:
            on_text = random.choice(ON_TEXT)
            text = on_text(text, random)
            names = [on_text.__name__]
        yield type_, text, names[-1]


def test_both_judges_say_the_same_of_valid_and_broken_resources() -> None:
    done = compare(islice(changed("verdicts"), VERDICTS))
    assert done.differ == []
    tried, valid, quick = done.tried.total(), done.valid.total(), done.quick.total()
    print(f"tried {tried}, valid {valid}, of these quick {quick}; valid of tried by change: ", end="")
    print(", ".join(f"{name} {done.valid[name]} of {count}" for name, count in sorted(done.tried.items())))
    # Both kinds were there in numbers, and the schemas decided most of the valid ones.
    assert tried == VERDICTS
    assert 0.2 * tried < valid < 0.8 * tried
    assert quick > 0.7 * valid


def test_resources_made_from_the_models_are_valid_and_quickly_so() -> None:
    random = Random("each type")
    cases = [
        (type_, orjson.dumps(resource_of(type_, random, more)), type_)
        for type_ in resource_names()
        for more in (0.0, 0.2)
    ]
    done = compare(cases)
    assert done.differ == []
    assert done.valid == done.tried
    # Those that must hold another resource or a uuid are left to the models.
    assert {type_ for type_ in done.tried if not done.quick[type_]} <= {"Bundle", "Parameters"}


def test_several_lines_at_once_get_the_verdicts_of_each_alone() -> None:
    """Valid and broken lines mixed, of one type and of a wrong one, in runs of every length."""
    types = ("Patient", "Observation")
    odd = [text for type_, text, _ in islice(changed("together"), 2_000) if type_ in types]
    assert len(odd) > 60
    fast = FastJudge()
    for type_ in types:
        good = orjson.dumps(resource_of(type_, Random(type_), 0.2))
        texts = [text for number, one in enumerate(odd) for text in [good] * (number % 40) + [one]]
        assert list(judge_lines(type_, texts, fast)) == [_models_say(type_, text) for text in texts]


def _without(name: str, *keys: str) -> Callable[[dict[str, Any]], None]:
    def loosen(definitions: dict[str, Any]) -> None:
        for key in keys:
            del definitions[name][key]

    return loosen


def _open(definitions: dict[str, Any]) -> None:
    for definition in definitions.values():
        definition.pop("additionalProperties", None)


def _every_february(definitions: dict[str, Any]) -> None:
    for name in ("date", "dateTime"):
        definitions[name]["pattern"] = definitions[name]["pattern"].replace(
            "02-(0[1-9]|1[0-9]|2[0-8])", "02-[0-3][0-9]"
        )


def _null_too(definitions: dict[str, Any]) -> None:
    definitions["code"] = {"anyOf": [{"type": "null"}, definitions["code"]]}


LAXER: dict[str, Callable[[dict[str, Any]], None]] = {
    "unknown elements": _open,
    "two values of an extension": _without("Extension", "allOf"),
    "any text a string": _without("string", "pattern"),
    "any text a dateTime": _without("dateTime", "pattern"),
    "any text an id": _without("id", "pattern", "maxLength"),
    "30 February": _every_february,
    "null a code": _null_too,
    "nothing beside a primitive": _without("FHIRPrimitiveExtension", "minProperties"),
}


@pytest.mark.parametrize("laxer", LAXER)
def test_a_laxer_schema_is_caught(laxer: str) -> None:
    """The comparison above can fail: each of these mistakes in the schemas makes it."""
    kept = schema_file.read()
    definitions = copy.deepcopy(dict(kept.definitions))
    LAXER[laxer](definitions)
    cases = changed("laxer")
    wrong = replace(kept, definitions=definitions)
    assert any(compare(islice(cases, 500), wrong).differ for _ in range(20))


@pytest.mark.shared
def test_the_public_sample_needs_no_models() -> None:
    """Every resource of the sample is accepted by its schema alone; tests/integration holds the models to the same."""

    def none() -> Any:
        raise AssertionError("the models were asked")

    judge = FastJudge(new_models=none)
    accepted = Counter[str]()
    for path in sorted((SHARED / "synthea").glob("*.ndjson.gz")):
        type_ = path.name.partition(".")[0]
        for line in gzip.decompress(Path(path).read_bytes()).splitlines():
            findings, _ = judge_line(type_, line, judge)
            accepted[type_] += not findings
    assert accepted.total() == 143_295

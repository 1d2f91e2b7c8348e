"""Any one value of a study or sites file replaced by any other: a refusal with sentences, never a crash.

Oracle: the error tree (a wrong file is a DefinitionError, whatever is wrong with it).
"""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.study.load import load_study
from flows.sites import load_sites
from mappings.errors import DefinitionError
from tests.unit.study.folders import example, li2023

SITES = """
[defaults]
limits = { parallel = 2 }
[[site]]
id = "a"
base = "https://a.example"
auth = { kind = "basic", user = "u", password = "env:X" }
other_origins = ["https://b.example", { origin = "https://c.example", with_token = true }]
deaths = { source = "register", complete_to = 2020-01-01 }
deidentify = { pseudonym_key = "env:K" }
"""

_values = st.one_of(
    st.sampled_from(
        [0, -1, 1.5, True, "", "x", "..", "1..", "cutoff", date(2020, 1, 1), [], {}, [[]], [{}], {"a": {}}]
    ),
    st.sampled_from(
        ["tace", "age", "liver", "PD", "complete", ["x", 1], [1, 2], {"list": "tace"}, {"id": 1}, [{"id": "a"}]]
    ),
    st.text(max_size=4),
)
_keys = st.sampled_from(["list", "id", "window", "levels", "complete", "covariate", "set", "site", "auth", "x"])


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, str) else str(value)


def _places(value: Any) -> list[tuple[Any, Any]]:
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, item in inner for place in [(value, key), *_places(item)]]


@st.composite
def _broken(draw: st.DrawFn, text: str) -> str:
    document = tomllib.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        places = _places(document)
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[key] = copy.deepcopy(draw(_values))
            case "remove":
                del holder[key]
            case _ if isinstance(holder, dict):
                holder[draw(_keys)] = copy.deepcopy(draw(_values))
    return "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in document.items())


def _refused(error: DefinitionError) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.message
        assert problem.file
        assert "Input should" not in problem.message
        assert "Error" not in problem.message


@settings(max_examples=100, deadline=None)
@given(st.one_of(_broken(li2023()[0]), _broken(example()[0])))
def test_a_broken_study_file_is_refused_in_sentences(text: str) -> None:
    files = {**li2023()[1], **example()[1]}
    try:
        load_study(text, "study.toml", files)
    except DefinitionError as error:
        _refused(error)


@settings(max_examples=150, deadline=None)
@given(_broken(SITES))
def test_a_broken_sites_file_is_refused_in_sentences(text: str) -> None:
    try:
        load_sites(text)
    except DefinitionError as error:
        _refused(error)

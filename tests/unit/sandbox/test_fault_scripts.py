"""Scripts of faults as data. Oracle: a script is its JSON; a seed is one script; the table of what each allows."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.sandbox.faults import Fault, Loss, Script, schedule, truth_of
from flows.sandbox.faults.catalogue import EFFECTS
from flows.sandbox.faults.schedules import BULK, SEARCH
from mappings.errors import DefinitionError
from tests.conftest import REPOSITORY

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "status": st.integers(400, 599),
    "retry_after": st.none() | st.text(string.printable, max_size=20),
    "retry_after_date": st.none() | st.integers(-10, 10**6),
    "retry_after_ms": st.none() | st.integers(0, 10**6),
    "keep": st.floats(0, 1),
    "at": st.none() | st.integers(0, 10**9),
    "announced": st.booleans(),
    "piece": st.integers(1, 10**6),
    "code": st.text(string.printable, max_size=20),
    "entries": st.integers(1, 100),
    "by": st.integers(-100, 100),
    "origin": st.just("https://other.example:8443"),
    "entry": st.integers(1, 100),
    "becomes": st.sampled_from(("Basic", "Patient")),
    "row": st.integers(1, 10**6),
}
_FORMS = {"page-loop": ("self", "first"), "next-relative": ("query", "path", "no-scheme")}


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault the catalogue allows."""
    effect = draw(st.sampled_from(list(EFFECTS.values())))
    said: dict[str, Any] = {"on": draw(st.sampled_from(effect.on)), "what": effect.name}
    said["type"] = draw(st.sampled_from(("Patient", "Observation")))
    said["number"], said["nth"], said["times"] = (draw(st.integers(low, 9)) for low in (0, 1, 0))
    said["probability"] = draw(st.floats(0, 1))
    for name in effect.parameters:
        strategy = st.sampled_from(_FORMS[effect.name]) if name == "to" else _VALUES[name]
        if draw(st.booleans()):
            said[name] = draw(strategy)
    return Fault(**said)


scripts = st.builds(Script, faults=st.lists(faults(), max_size=5).map(tuple), seed=st.integers(0, 2**63))


@given(scripts)
def test_a_script_is_its_json(script: Script) -> None:
    assert Script.from_json(script.as_json()) == script


@given(scripts)
def test_what_a_script_allows_is_said_without_contradiction(script: Script) -> None:
    truth = truth_of(script)
    assert truth.complete == (not truth.losses and not truth.doubted)
    assert all(truth.may_miss(loss.type or "Anything") for loss in truth.losses)
    assert not truth.complete or (truth.reachable and not truth.may_doubt("Patient"))
    lasting = any(fault.lasts and fault.effect.cost in ("retry", "data") for fault in script.faults)
    assert truth.reachable == (not lasting)


@given(st.integers(0, 2**40), st.sampled_from((SEARCH, BULK)), st.booleans())
def test_a_schedule_is_reproducible_from_its_seed(seed: int, kinds: Any, losing: bool) -> None:
    types = ("Patient", "Observation")
    made = schedule(seed, kinds, types, losing=losing)
    assert schedule(seed, kinds, types, losing=losing) == made
    assert Script.from_json(made.as_json()) == made
    assert len(made.faults) <= 6
    assert {fault.on for fault in made.faults} <= {*kinds, "page"}
    if not losing:
        assert truth_of(made).complete


def test_schedules_reach_every_fault_they_can() -> None:
    """What 2,000 seeds draw: every effect for search, and every one for exports, but those without a place there."""
    of_search = {fault.what for seed in range(2_000) for fault in schedule(seed, SEARCH, ("Patient",)).faults}
    of_bulk = {fault.what for seed in range(2_000) for fault in schedule(seed, BULK, ("Patient",)).faults}
    only_bulk = {"invalid-line", "export-fails", "export-partial", "export-expired", "files-expired"}
    assert of_search == set(EFFECTS) - only_bulk
    assert of_search | of_bulk == set(EFFECTS)
    assert only_bulk <= of_bulk
    assert "html" not in {fault.what for seed in range(200) for fault in schedule(seed, without=("html",)).faults}


def _one(**said: Any) -> Script:
    return Script(faults=(Fault(**said),))


@pytest.mark.parametrize(
    ("said", "loss"),
    [
        ({"on": "page", "what": "status", "times": 3}, None),
        ({"on": "page", "what": "status", "times": 6}, Loss("", "pages-from", 0, False)),
        ({"on": "metadata", "what": "status", "times": 0}, Loss("", "everything", 0, True)),
        ({"on": "first-page", "what": "html", "type": "A", "times": 0}, Loss("A", "pages-from", 1, True)),
        ({"on": "later-page", "what": "html", "type": "A", "number": 3, "times": 0}, Loss("A", "pages-from", 3, True)),
        ({"on": "later-page", "what": "reset", "times": 0, "probability": 0.5}, Loss("", "pages-from", 2, False)),
        ({"on": "page", "what": "status", "status": 400}, Loss("", "pages-from", 0, False)),
        ({"on": "page", "what": "status", "status": 429}, None),
        ({"on": "page", "what": "unauthorized"}, None),
        ({"on": "page", "what": "unauthorized", "times": 2}, Loss("", "pages-from", 0, False)),
        ({"on": "later-page", "what": "page-expired", "times": 2}, None),
        ({"on": "later-page", "what": "page-expired", "times": 3}, Loss("", "pages-from", 2, False)),
        ({"on": "page", "what": "trickle", "times": 0}, None),
        ({"on": "later-page", "what": "duplicates", "times": 0}, None),
        ({"on": "page", "what": "withheld", "type": "A", "number": 2}, Loss("A", "entries", 2, False)),
        ({"on": "page", "what": "wrong-type", "type": "A", "times": 0}, Loss("A", "entries", 0, True)),
        ({"on": "page", "what": "bad-record", "type": "A", "row": 7, "times": 0}, Loss("A", "record", 7, True)),
        ({"on": "page", "what": "next-origin"}, Loss("", "pages-from", 0, False)),
        ({"on": "file", "what": "status", "type": "A", "number": 2, "times": 0}, Loss("A", "file", 2, True)),
        ({"on": "file", "what": "body-cut"}, None),
        ({"on": "file", "what": "body-cut", "announced": False}, Loss("", "file", 0, False)),
        ({"on": "file", "what": "empty"}, Loss("", "file", 0, False)),
        ({"on": "file", "what": "invalid-line", "type": "A", "number": 1}, Loss("A", "line", 1, False)),
        ({"on": "file", "what": "wrong-type", "times": 0}, Loss("", "line", 0, True)),
        ({"on": "manifest", "what": "export-partial", "type": "A"}, Loss("A", "file", 0, False)),
        ({"on": "manifest", "what": "export-fails"}, None),
        ({"on": "status", "what": "export-fails", "times": 0}, Loss("", "everything", 0, True)),
        ({"on": "file", "what": "files-expired"}, None),
    ],
)
def test_what_a_fault_may_cost(said: dict[str, Any], loss: Loss | None) -> None:
    truth = truth_of(_one(**said))
    assert truth.losses == (() if loss is None else (loss,))
    assert truth.complete == (loss is None)


def test_a_total_that_lies_is_a_doubt_and_no_loss() -> None:
    truth = truth_of(_one(on="page", what="total-wrong", type="A"))
    assert (truth.losses, truth.doubted, truth.complete, truth.reachable) == ((), ("A",), False, True)
    assert (truth.may_doubt("A"), truth.may_doubt("B"), truth.may_miss("A")) == (True, False, False)


def test_faults_that_pass_alone_may_be_too_many_together() -> None:
    three = {"on": "page", "what": "status", "times": 3}
    assert truth_of(_one(**three)).complete
    together = truth_of(Script(faults=(Fault(**three), Fault(**three))))
    assert together.losses == (Loss("", "pages-from", 0, False),)
    assert truth_of(Script(faults=(Fault(**three), Fault(**three))), patience=6).complete


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('{"faults":[{"on":"page","what":"invented"}]}', "faults.0", "there is no fault invented"),
        ('{"faults":[{"on":"file","what":"page-loop"}]}', "faults.0", "on: page-loop fits page, first-page, later"),
        ('{"faults":[{"on":"page","what":"html","piece":3}]}', "faults.0", "html reads no piece"),
        ('{"faults":[{"on":"page","what":"page-loop","to":"path"}]}', "faults.0", "to: page-loop reads self, first"),
        ('{"faults":[{"on":"page","what":"bad-record"}]}', "faults.0", "type: bad-record names the type"),
        ('{"faults":[{"on":"page","what":"html","time":3}]}', "faults.0.time", "Extra inputs are not permitted"),
        ('{"faults":[{"on":"page","what":"html","times":-1}]}', "faults.0.times", "greater than or equal to 0"),
        ('{"faults":[{"on":"page","what":"status","status":200}]}', "faults.0.status", "greater than or equal to 400"),
        ("no json", "", "Invalid JSON"),
    ],
)  # fmt: skip
def test_a_script_that_is_wrong_is_said_so_with_its_place(text: str, place: str, said: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        Script.from_json(text, "script.json")
    (problem,) = raised.value.problems
    assert (problem.file, problem.field) == ("script.json", place)
    assert said in problem.message


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"faults":[{"on":"page","what":"html"}]}')
    assert Script.read(tmp_path / "s.json") == _one(on="page", what="html")
    with pytest.raises(DefinitionError, match="cannot be read"):
        Script.read(tmp_path / "none.json")


def test_the_documentation_lists_every_fault_and_its_example_is_a_script() -> None:
    text = (REPOSITORY / "docs" / "sandbox.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"]
    said = {row[0].strip("`"): row[1:] for row in rows if len(row) == 4}
    assert said == {
        name: [effect.says, ", ".join(f"`{field}`" for field in effect.parameters), effect.cost]
        for name, effect in EFFECTS.items()
    }
    example = text.split("```json\n")[1].split("```")[0]
    assert Script.from_json(example).faults
    assert json.loads(example)["faults"]

"""Scopes asked and granted. Oracle: SMART App Launch 2.2, "Scopes for requesting FHIR Resources", and laws that any
comparison of permissions keeps to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.client.auth.scopes import not_granted

LETTERS = [
    "".join(letter for n, letter in enumerate("cruds") if mask >> n & 1) for mask in range(1, 32)
]  # in their order, as the guide wants them
scopes = st.builds(
    "system/{}.{}".format,
    st.sampled_from(["Patient", "Observation", "*"]),
    st.sampled_from(["read", "write", *LETTERS]),
)
sets = st.lists(scopes, max_size=6)


@pytest.mark.parametrize(
    ("asked", "granted", "lacking"),
    [
        ("system/*.read", "system/*.read", ""),
        ("system/*.read", "system/*.rs", ""),
        ("system/*.rs", "system/*.read", ""),
        ("system/Patient.rs", "system/*.read", ""),
        ("system/Patient.rs", "system/Patient.r system/Patient.s", ""),
        ("system/Patient.rs", "system/Patient.r", "system/Patient.rs"),
        ("system/*.read", "system/Patient.read system/Observation.read", "system/*.read"),
        ("system/Patient.read system/Device.read", "system/Patient.cruds", "system/Device.read"),
        ("system/Patient.read", "user/Patient.read", "system/Patient.read"),
        ("system/Patient.rs", "system/Patient.rs?_id=1", "system/Patient.rs"),
        ("system/Patient.rs?_id=1", "system/Patient.rs?_id=1", ""),
        ("system/Patient.read", "system/Patient.*", ""),
        ("https://api.example/.default", "system/*.read", "https://api.example/.default"),
        ("launch", "launch", ""),
        ("system/Patient.read", "", "system/Patient.read"),
    ],
)
def test_what_was_asked_and_not_granted(asked: str, granted: str, lacking: str) -> None:
    assert not_granted(asked.split(), granted.split()) == tuple(lacking.split())


@given(sets, sets, sets)
def test_granting_more_never_lacks_more_and_everything_asked_lacks_nothing(
    asked: list[str], granted: list[str], more: list[str]
) -> None:
    lacking = not_granted(asked, granted)
    assert set(not_granted(asked, granted + more)) <= set(lacking) <= set(asked)
    assert not_granted(asked, asked + granted) == ()
    assert not_granted(asked, ["system/*.cruds"]) == ()
    assert not_granted(lacking, [*granted, *lacking]) == ()


@given(sets, sets)
def test_one_scope_of_all_letters_grants_what_its_letters_grant_one_by_one(
    asked: list[str], granted: list[str]
) -> None:
    words = {"read": "rs", "write": "cud"}
    split = [
        f"{scope.rpartition('.')[0]}.{letter}"
        for scope in granted
        for letter in words.get(scope.rpartition(".")[2], scope.rpartition(".")[2])
    ]
    assert not_granted(asked, split) == not_granted(asked, granted)

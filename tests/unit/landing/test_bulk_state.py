"""Which file is which when a manifest is fetched again. Oracle: the files' own content, which the test knows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.client.bulk_manifest import ExportFile
from flows.landing.bulk_state import matched, states_of

TYPES = st.lists(st.sampled_from(["Patient", "Observation"]), min_size=1, max_size=5)


def files(contents: list[tuple[str, str]], address: str) -> list[ExportFile]:
    """Files with their content's name in the address; ``address`` has it in its path or behind the ?."""
    return [
        ExportFile("output", number, type_, address.format(name), None)
        for number, (name, type_) in enumerate(contents, start=1)
    ]


def content(file: ExportFile) -> str:
    return file.url.split("name-")[1].split("&")[0].split("?")[0]


@given(types=TYPES, shuffled=st.randoms(use_true_random=False), address=st.sampled_from(
    ["https://a/name-{0}", "https://a/x?name-{0}&sig=1", "https://a/name-{0}?sig=1"]))  # fmt: skip
def test_the_same_files_in_any_order_are_the_same_files(types: list[str], shuffled: object, address: str) -> None:
    before = [(str(number), type_) for number, type_ in enumerate(types)]
    after = list(before)
    shuffled.shuffle(after)  # type: ignore[attr-defined]
    fresh = address.replace("?sig=1", "?sig=2")
    known = states_of(files(before, address))
    pairs = matched(known, files(after, fresh))
    assert pairs is not None
    assert [content(said) for _, said in pairs] == [name for name, _ in before]


@given(types=TYPES)
def test_wholly_new_addresses_go_by_place_where_everything_else_is_the_same(types: list[str]) -> None:
    before = [(str(number), type_) for number, type_ in enumerate(types)]
    known = states_of(files(before, "https://a/1/name-{}"))
    pairs = matched(known, files(before, "https://a/2/name-{}"))
    assert pairs is not None
    assert [content(said) for _, said in pairs] == [name for name, _ in before]


def test_another_export_is_none_of_them() -> None:
    known = states_of(files([("a", "Patient"), ("b", "Patient")], "https://a/name-{}"))
    for other in (
        files([("a", "Patient")], "https://a/name-{}"),
        files([("b", "Patient"), ("c", "Patient")], "https://a/name-{}"),  # one of them again, in another place
        files([("a", "Patient"), ("b", "Device")], "https://b/2/name-{}"),
    ):
        assert matched(known, other) is None

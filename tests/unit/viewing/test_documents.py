"""Resources out of a stream of JSON documents. Oracle: the whole text parsed at once by the standard library."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.viewing.documents import MisreadDocument, resources

TEXTS = st.text(max_size=8) | st.sampled_from(['"', "\\", "é", "🩺", "]}", "\u2028"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def resource(draw: st.DrawFn) -> dict[str, Any]:
    made = {"resourceType": draw(st.sampled_from(["Patient", "Observation"])), "x": draw(VALUES)}
    return shuffled(draw, made)


@st.composite
def bundle(draw: st.DrawFn, depth: int = 1) -> dict[str, Any]:
    inside = resource() | bundle(depth - 1) if depth else resource()
    entries = []
    for one in draw(st.lists(inside, max_size=4)):
        entries.append(shuffled(draw, {"fullUrl": "urn:x", "resource": one, "search": {"mode": "match"}}))
    entries += [{"response": {"status": "404"}}] if draw(st.booleans()) else []
    made: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "total": draw(st.integers(0, 99))}
    return shuffled(draw, {**made, "entry": entries} if entries else made)


def shuffled(draw: st.DrawFn, made: dict[str, Any]) -> dict[str, Any]:
    return dict(draw(st.permutations(list(made.items()))))


def unpacked(document: dict[str, Any]) -> list[dict[str, Any]]:
    if document["resourceType"] != "Bundle":
        return [document]
    return [one for entry in document.get("entry", []) if "resource" in entry for one in unpacked(entry["resource"])]


def found(text: bytes, chunk: int = 1 << 20, unpack: bool = True) -> list[tuple[str, Any]]:
    return [(one.type, json.loads(one.text)) for one in resources(io.BytesIO(text), unpack, chunk)]


@settings(max_examples=150, deadline=None)
@example([{"x": 0.5, "y": 1e300, "z": -1e-300, "resourceType": "Patient"}], 1, None, False)
@given(st.lists(resource() | bundle(), max_size=4), st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_bundles_are_unpacked_wherever_the_stream_is_cut_into_chunks(
    documents: list[dict[str, Any]], chunk: int, indent: int | None, ascii_only: bool
) -> None:
    text = "\n".join(json.dumps(one, indent=indent, ensure_ascii=ascii_only) for one in documents)
    expected = [one for document in documents for one in unpacked(document)]
    assert found(text.encode(), chunk) == [(one["resourceType"], one) for one in expected]
    assert found(text.encode(), chunk, unpack=False) == [(one["resourceType"], one) for one in documents]


def test_a_resource_keeps_its_own_text_on_one_line() -> None:
    resource = '{\n "resourceType" : "Observation",\r\n "n": 1.10, "t": "a  \\u00e9 {" }'
    text = f'{{"entry": [ {{"resource": {resource} }} ], "resourceType":"Bundle"}}'
    (one,) = resources(io.BytesIO(b"\xef\xbb\xbf" + text.encode()))
    assert one.text == b'{"resourceType":"Observation","n":1.10,"t":"a  \\u00e9 {"}'


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("", []),
        (" \n", []),
        ('{"entry": [{"item": {"display": "x"}}], "resourceType": "List"}', ["List"]),
        ('{"entry": [], "resourceType": "Bundle"}', []),
        ('{"id": "x"}', [""]),
        ("{}", [""]),
    ],
)
def test_what_is_no_bundle_is_given_as_it_is(text: str, types: list[str]) -> None:
    assert [one.type for one in resources(io.BytesIO(text.encode()))] == types


BUNDLE = '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}'


@pytest.mark.parametrize("cut", range(1, len(BUNDLE)))
def test_a_document_that_is_cut_off_is_never_taken_for_whole(cut: int) -> None:
    with pytest.raises(MisreadDocument):
        list(resources(io.BytesIO(BUNDLE[:cut].encode()), chunk=7))


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "null",
        '{"resourceType":"Bundle","entry":[1]}',
        '{"resourceType":"Bundle","entry":[{"resource":{}} {}]}',
        '{"resourceType":"Bundle","entry":[{"resource":{}},]}',
        '{"resourceType":"Bundle",}',
        '{"resourceType":"Patient","n":NaN}',
        '{"resourceType":"Patient"} x',
        '{"entry":[{"resource":{}}],"resourceType":"List"}',
        "{" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_sequence_of_objects_is_refused(text: str) -> None:
    with pytest.raises(MisreadDocument):
        list(resources(io.BytesIO(text.encode())))


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(MisreadDocument, match="UTF-8"):
        list(resources(io.BytesIO(BUNDLE.replace("a", "é").encode("latin-1"))))


class Counted(io.BytesIO):
    """A stream that knows how much has been asked of it."""

    asked = 0

    def read(self, size: int | None = -1, /) -> bytes:
        got = super().read(size)
        self.asked += len(got)
        return got


def test_of_a_large_bundle_no_more_is_read_than_the_next_resource_needs() -> None:
    entry = '{"resource":{"resourceType":"Patient","id":"a"}}'
    stream = Counted(('{"resourceType":"Bundle","entry":[' + ",".join([entry] * 1000) + "]}").encode())
    made = resources(stream, chunk=100)
    next(made)
    assert stream.asked <= 200
    assert sum(1 for _ in made) == 999


def test_a_fault_in_a_large_document_does_not_read_the_rest_of_it() -> None:
    stream = Counted(
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":x}},' + b" " * 100_000
    )
    with pytest.raises(MisreadDocument):
        list(resources(stream, chunk=100))
    assert stream.asked < 1000

"""The Bundle slicer. Oracle: Python's own json module on the same body, and the digits of the numbers as written."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.client.bundle import UnusableBody, one_line, read_page

NUMBERS = ("1.10", "0.30000000000000000001", "1e-7", "-0.0", "100", "12345678901234567890", "1.5E+3")

texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ['a: "b", c', "\\", "\n\t", "{ [ ", " ", "\\u00e9", "é漢😀"]
)


class Raw(str):
    """A number written exactly so."""

    __slots__ = ()


values = st.recursive(
    st.none() | st.booleans() | texts | st.sampled_from([Raw(n) for n in NUMBERS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
spaces = st.sampled_from(["", "", " ", "\n  ", "\t", "\r\n", "   "])


def render(value: Any, space: Any, ascii_only: bool) -> str:
    """Write ``value`` with arbitrary white space between the tokens and every `Raw` number as it stands."""

    def go(item: Any) -> str:
        s = space
        if isinstance(item, Raw):
            return str(item)
        if isinstance(item, dict):
            inner = ",".join(
                f"{s()}{json.dumps(k, ensure_ascii=ascii_only)}{s()}:{s()}{go(v)}{s()}" for k, v in item.items()
            )
            return "{" + (inner or s()) + "}"
        if isinstance(item, list):
            return "[" + (",".join(f"{s()}{go(v)}{s()}" for v in item) or s()) + "]"
        return json.dumps(item, ensure_ascii=ascii_only)

    return go(value)


@given(data=st.data(), extra=st.lists(values, max_size=3), ascii_only=st.booleans())
def test_slices_equal_the_standard_parser_and_keep_every_digit(
    data: st.DataObject, extra: list[Any], ascii_only: bool
) -> None:
    resources = [{"resourceType": "Observation", "id": f"o{i}", "x": value} for i, value in enumerate(extra)]
    bundle = {
        "resourceType": "Bundle",
        "link": [{"relation": "next", "url": "http://h/p?a=1&b=\u00e9"}],
        "entry": [{"fullUrl": "u", "resource": r, "search": {"mode": "match"}} for r in resources],
        "total": Raw("7"),
    }
    body = render(bundle, lambda: data.draw(spaces), ascii_only).encode()
    page = read_page(body)
    assert (page.total, page.next_link) == (7, "http://h/p?a=1&b=\u00e9")
    exact = {"parse_float": Raw, "parse_int": Raw}
    whole = json.loads(body, **exact)["entry"]
    assert [json.loads(e.text, **exact) for e in page.entries] == [e["resource"] for e in whole]
    for entry in page.entries:
        assert b"\n" not in entry.text
        outside = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"', b"", entry.text)
        assert not re.search(rb"\s", outside)


@given(data=st.data(), value=values)
def test_stripping_touches_neither_strings_nor_numbers(data: st.DataObject, value: Any) -> None:
    spaced = render(value, lambda: data.draw(spaces), False)
    assert one_line(spaced) == render(value, lambda: "", False).encode()


def test_digits_and_white_space_in_strings_stay() -> None:
    body = b'{"resourceType":"Bundle","entry":[{"resource": {"resourceType": "Observation",\n "id": "a",'
    body += b' "v": 1.10, "w": [ 2.500 , 1e2 ],"t":"x : y ,  z"}}]}'
    (entry,) = read_page(body).entries
    assert entry.text == b'{"resourceType":"Observation","id":"a","v":1.10,"w":[2.500,1e2],"t":"x : y ,  z"}'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<html><body>Log in</body></html>", "html"),
        (b"Service unavailable", "not-json"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Pat', "not-json"),
        (b'{"resourceType":"Bundle"} trailing', "not-json"),
        (b'{"resourceType":"Bundle","total":NaN}', "not-json"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{"id":"a\nb"}}]}', "not-json"),
        (b"[" * 100_000, "not-json"),
        (b'{"a":' + b"[" * 100_000, "not-json"),
        (b"\xff\xfe{}", "not-text"),
        (b'{"resourceType":"OperationOutcome","issue":[]}', "operation-outcome"),
        (b'{"resourceType":"Patient","id":"p"}', "not-a-bundle"),
        (b"[]", "not-json"),
    ],
)
def test_what_is_no_bundle_is_named(body: bytes, reason: str) -> None:
    with pytest.raises(UnusableBody) as caught:
        read_page(body)
    assert caught.value.reason == reason
    assert caught.value.__context__ is None  # a parser's error would carry the body


@given(cut=st.integers(min_value=1, max_value=120))
def test_every_truncation_is_unusable(cut: int) -> None:
    body = json.dumps(
        {"resourceType": "Bundle", "total": 1, "entry": [{"resource": {"resourceType": "Patient", "id": "p"}}]}
    ).encode()
    with pytest.raises(UnusableBody):
        read_page(body[: len(body) - 1 - cut % (len(body) - 1)])


def test_modes_empty_entries_and_wrong_shapes_are_taken_as_they_are() -> None:
    body = json.dumps(
        {
            "resourceType": "Bundle",
            "total": True,
            "link": [{"relation": "self", "url": "s"}, {"relation": "next", "url": ""}, 5],
            "entry": [
                {"resource": {"resourceType": "Patient", "id": 5, "meta": {"versionId": "2"}}, "search": 3},
                {"fullUrl": "only"},
                {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
            ],
        }
    ).encode()
    page = read_page(body)
    assert [(e.type, e.id, e.version, e.mode) for e in page.entries] == [
        ("Patient", "", "2", ""),
        ("OperationOutcome", "", "", "outcome"),
    ]
    assert (page.total, page.next_link, page.self_link, page.empty_entries) == (None, None, "s", 1)

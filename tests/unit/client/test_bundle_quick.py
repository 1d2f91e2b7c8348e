"""The quick reading of pages. Oracle: the careful one (`flows.client.bundle_walk`), which reads with Python's own JSON
scanner; on Bundles as servers write them and on bodies broken in every way the two must not be told apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.client import bundle
from flows.client.bundle import Page, UnusableBody, read_page
from flows.client.bundle_walk import walk_page

# What follows is put together as text and not as values, so that names may repeat and values need not be JSON.
spaces = st.sampled_from(["", "", "", " ", "\n  ", "\t", "\r\n"])
odd_spaces = spaces | st.sampled_from(["\x0c", "\u00a0", "\ufeff", "/**/"])
strings = st.sampled_from(
    [
        '"a: \\"b\\" , c"',
        '"\\\\"',
        '"\\n"',
        '"\\u00e9"',
        '"é漢😀"',
        '""',
        '"\\ud83d\\ude00"',
        '"{ [ "',
        '"1 2"',
        '"\x7f"',
    ]
)
broken_strings = st.sampled_from(
    ['"\\ud800"', '"\\udc00x"', '"\\x"', '"\\u12G4"', '"\\u00"', '"a\nb"', '"\x01"', '"a', "'a'"]
)
numbers = st.sampled_from(
    ["0", "-0", "1.10", "1e-7", "1E+05", "12345678901234567890", "0.30000000000000000001", "1e999"]
)
broken_numbers = st.sampled_from(["01", "1.", ".5", "-", "1e", "+1", "NaN", "Infinity", "-Infinity", "0x1", "9" * 5000])
long_digits = st.sampled_from(["9" * 4300, "9" * 4301, "-" + "9" * 4300, "1." + "3" * 6000, f'"{"7" * 6000}"'])
words = st.sampled_from(["true", "false", "null"])
broken_words = st.sampled_from(["True", "nul", "nulls", "undefined", ""])
names = st.sampled_from(
    ["resourceType", "id", "meta", "versionId", "x", "\\u0069d", "m\\u0065ta", "é", "resource", "search", "mode", ""]
)


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str], keys: st.SearchStrategy[str] = names) -> str:
    s = spaces
    members = [
        f'{draw(s)}"{draw(keys)}"{draw(s)}:{draw(s)}{draw(values)}{draw(s)}' for _ in range(draw(st.integers(0, 4)))
    ]
    return "{" + (",".join(members) or draw(s)) + "}"


@st.composite
def arrays(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    items = [f"{draw(spaces)}{draw(values)}{draw(spaces)}" for _ in range(draw(st.integers(0, 3)))]
    return "[" + (",".join(items) or draw(spaces)) + "]"


def any_of(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    deep = st.integers(1, 30).map(lambda n: "[" * n + "]" * n) | st.integers(1, 300).map(
        lambda n: '{"a":' * n + "1" + "}" * n
    )
    return st.recursive(leaves | deep, lambda inner: objects(inner) | arrays(inner), max_leaves=6)


sound = any_of(strings | numbers | words)
any_value = any_of(strings | numbers | words | broken_strings | broken_numbers | broken_words | long_digits)
ids = st.sampled_from(['"a"', '"b"', '"a\\u0062"', '"é"', "5", "null", '""', "[]"])
kinds = st.sampled_from(['"Observation"', '"Patient"', '"P\\u0061tient"', "null", "7", '""'])
metas = st.sampled_from(
    ['{"versionId":"2"}', '{ "versionId" : "1" , "x" : [ ] }', "{}", "null", '{"versionId":3}', '"2"']
)


@st.composite
def resources(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    def member(name: str, value: str) -> str:
        return f'{draw(spaces)}"{name}"{draw(spaces)}:{draw(spaces)}{value}{draw(spaces)}'

    parts = [member("resourceType", draw(kinds)), member("id", draw(ids)), member("meta", draw(metas))]
    parts += [member(draw(names), draw(values)) for _ in range(draw(st.integers(0, 3)))]
    return "{" + ",".join(draw(st.permutations(parts))) + "}"


@st.composite
def entries(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    search = st.sampled_from(['{"mode":"match"}', '{ "mode" : "match" }', '{"mode":"include"}', "{}", "3", "null"])
    parts = [
        f'"resource"{draw(spaces)}:{draw(spaces)}{draw(resources(values) | values)}'
        for _ in range(draw(st.integers(0, 2)))
    ]
    parts += [f'"search":{draw(search)}' for _ in range(draw(st.integers(0, 2)))]
    parts += [f'"fullUrl":{draw(values)}' for _ in range(draw(st.integers(0, 1)))]
    return "{" + ",".join(draw(st.permutations(parts))) + "}"


@st.composite
def bundles(draw: st.DrawFn, values: st.SearchStrategy[str], around: st.SearchStrategy[str] = spaces) -> bytes:
    links = st.sampled_from(
        [
            '[{"relation":"next","url":"http://h/p?a=1&b=é"},{"relation":"self","url":"s"}]',
            '[{"relation":"self","url":""},5,{"relation":"next","url":"n"},{"relation":"next","url":"m"}]',
            "null",
            "[]",
        ]
    )
    totals = st.sampled_from(["7", "-0", "7.0", "true", "null", '"7"', "1e2", "9" * 400])
    kind = st.sampled_from(
        ['"Bundle"', '"Bundle"', '"Bundle"', '"Bundl\\u0065"', '"OperationOutcome"', '"Patient"', "null"]
    )
    parts = []
    for _ in range(draw(st.integers(0, 2))):
        parts.append(f'"entry"{draw(spaces)}:{draw(spaces)}{draw(arrays(entries(values)) | values)}')
    parts += [f'"link":{draw(links | values)}' for _ in range(draw(st.integers(0, 2)))]
    parts += [f'"total":{draw(totals | values)}' for _ in range(draw(st.integers(0, 2)))]
    parts += [f'"{draw(names)}":{draw(values)}' for _ in range(draw(st.integers(0, 1)))]
    parts += [f'"resourceType":{draw(kind)}']
    text = "{" + ",".join(f"{draw(spaces)}{part}{draw(spaces)}" for part in draw(st.permutations(parts))) + "}"
    return (draw(around) + text + draw(around)).encode()


def as_values(page: Page) -> Any:
    """A page with every resource parsed; NaN cannot be in it, so equal means equal."""
    asked = ("resourceType", "id", "meta", "x", "é", "mode", "gone")
    found = [[(name in e.resource, e.resource.get(name, 7)) for name in asked] for e in page.entries]
    read = [(e.type, e.id, e.version, e.mode, dict(e.resource), e.text) for e in page.entries]
    return found, read, page.next_link, page.self_link, page.total, page.empty_entries, page.size


def outcome(read: Any, body: bytes) -> Any:
    refused: list[UnusableBody] = []
    try:
        return as_values(read(body))
    except UnusableBody as unusable:
        refused.append(unusable)
    return refused[0].reason, refused[0].__context__  # None: a parser's error would carry the body


def same(body: bytes) -> Any:
    quick, careful = outcome(read_page, body), outcome(walk_page, body)
    assert quick == careful
    return quick[0] if quick[1:] == (None,) else quick


@settings(max_examples=300)
@given(bundles(sound))
def test_sound_bundles_are_read_alike(body: bytes) -> None:
    same(body)


@settings(max_examples=600)
@given(bundles(any_value, odd_spaces))
def test_broken_bundles_are_read_or_refused_alike(body: bytes) -> None:
    same(body)


@settings(max_examples=300)
@given(bundles(sound), st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3))
@example(b'{"resourceType":"Bundle","entry":[{"resource":{"id":"x"}}]}', 55, b"\xff", 0)
@example(b'{"resourceType":"Bundle","x":"y"}', 30, b"\xed\xa0\x80", 0)
def test_bodies_with_some_bytes_changed_are_read_or_refused_alike(body: bytes, at: int, put: bytes, gone: int) -> None:
    at %= len(body)
    same(body[:at] + put + body[at + gone :])


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_refused_alike(body: bytes) -> None:
    same(body)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"])
@pytest.mark.parametrize("depth", [1, 90, 500, 100_000])
def test_depth_and_byte_order_marks(mark: bytes, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    for body in (
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Basic","x":' + nested + b"}}]}",
        b'{"resourceType":"Bundle","x":' + nested + b"}",
        b'{"resourceType":"Bundle","entry":[{"search":' + nested + b"}]}",
    ):
        found = same(mark + body)
        assert (found == "not-json") == (depth == 100_000 or len(mark) == 6)


@pytest.mark.parametrize("digits", [4299, 4300, 4301, 8600, 8601, 20_000])
@pytest.mark.parametrize("before", [0, 1, 4200, 4299, 9000])
@pytest.mark.parametrize("number", ["%s", "-%s", "1.%s", "1e%s", '"%s"'])
def test_the_longest_whole_number_is_that_of_python(digits: int, before: int, number: str) -> None:
    text = number % ("9" * digits)
    body = b'{"resourceType":"Bundle","a":"%s","entry":[{"resource":{"x":%s}}]}' % (b"a" * before, text.encode())
    found = same(body)
    assert (found == "not-json") == (digits > 4300 and number in ("%s", "-%s"))


def test_what_servers_send_is_read_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests above would compare the careful reading with itself."""
    monkeypatch.setattr(bundle, "walk_page", lambda _: pytest.fail("read the careful way"))
    resource = {"resourceType": "Observation", "id": "o", "meta": {"versionId": "3"}, "note": "é: , x", "value": 1.5}
    whole = {
        "resourceType": "Bundle",
        "total": 2,
        "link": [{"relation": "self", "url": "s"}, {"relation": "next", "url": "n"}],
        "entry": [
            {"fullUrl": "u", "resource": resource, "search": {"mode": "match"}},
            {"resource": {**resource, "id": 5, "many": [{}] * 700}, "search": {"mode": "include"}},
            {"fullUrl": "only"},
        ],
    }
    for written in (
        json.dumps(whole),
        json.dumps(whole, indent=2, ensure_ascii=False),
        json.dumps(whole, separators=(",", ":")),
    ):
        page = read_page(written.encode())
        assert [(e.type, e.id, e.version, e.mode) for e in page.entries] == [
            ("Observation", "o", "3", "match"),
            ("Observation", "", "3", "include"),
        ]
        assert (page.next_link, page.self_link, page.total, page.empty_entries) == ("n", "s", 2, 1)
        assert page.entries[0].resource == resource


def test_an_unread_resource_is_as_the_parsed_one() -> None:
    text = '{"resourceType":"Patient","id":"p","name":[{"text":"Müller"}],"resourceType":"Person","n":1.10}'
    (entry,) = read_page(f'{{"resourceType":"Bundle","entry":[{{"resource":{text}}}]}}'.encode()).entries
    parsed = json.loads(text)
    assert (entry.type, entry.resource.get("resourceType"), entry.resource["resourceType"]) == ("Person",) * 3
    assert dict(entry.resource) == parsed
    assert (len(entry.resource), list(entry.resource), "name" in entry.resource) == (4, list(parsed), True)
    assert (entry.resource.get("gone"), entry.resource.get("gone", 3)) == (None, 3)
    with pytest.raises(KeyError):
        entry.resource["gone"]
    assert "Müller" not in repr(entry)

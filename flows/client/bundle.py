"""Read a searchset Bundle and keep each resource's own bytes.

A parse and a new serialisation would change data (1.10 becomes 1.1, long decimals are cut), so the text of each
``entry.resource`` is sliced out of the body as served. Only white space outside strings goes, which makes the slice
one line of NDJSON.

msgspec does both in C: it takes out the white space and gives each value its own bytes without reading it. What it
refuses, and the little that Python's json module refuses and it does not, is read again by `flows.client.bundle_walk`:
the same pages, the same reasons.
"""

from __future__ import annotations

import json
import re
import sys
from itertools import compress
from typing import Any

import msgspec

from flows.client.bundle_walk import one_line, walk_page
from flows.client.page import Entry, Page, UnusableBody, entry_of, link_of, page_of, total_of

__all__ = ["Entry", "Page", "UnusableBody", "entry_of", "one_line", "read_page"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOTHING = msgspec.Raw(b"")
# Python's json module gives up at some depth below 1,000. A resource of fewer brackets cannot be that deep; one of more
# is parsed at once, so that nothing is left to fail when somebody asks for it.
_MANY_BRACKETS = 600
_DIGITS = re.compile(rb"[0-9]*")


class _Search(msgspec.Struct, frozen=True, gc=False):
    mode: str = ""


class _Meta(msgspec.Struct, frozen=True, gc=False):
    versionId: str = ""  # noqa: N815


class _Head(msgspec.Struct, gc=False):
    """What is read of a resource."""

    resourceType: str = ""  # noqa: N815
    id: str = ""
    meta: _Meta = _Meta()


class _Entry(msgspec.Struct, gc=False):
    resource: msgspec.Raw = _NOTHING
    search: _Search = _Search()


class _Bundle(msgspec.Struct, gc=False):
    resourceType: msgspec.Raw = _NOTHING  # noqa: N815
    link: msgspec.Raw = _NOTHING
    total: msgspec.Raw = _NOTHING
    entry: list[_Entry] = []


class _HeadEntry(msgspec.Struct, gc=False):
    resource: _Head | None = None


class _Heads(msgspec.Struct, gc=False):
    entry: list[_HeadEntry] = []


_read_bundle = msgspec.json.Decoder(_Bundle).decode
_read_heads = msgspec.json.Decoder(_Heads).decode


def read_page(body: bytes) -> Page:
    """Read one page of a search.

    Raises `UnusableBody` with reason ``empty``, ``html``, ``not-text``, ``not-json`` (also a truncated body),
    ``operation-outcome`` or ``not-a-bundle``.
    """
    return _read_quickly(body) or walk_page(body)


def _read_quickly(body: bytes) -> Page | None:
    """The page, where it surely is what `walk_page` makes of the body."""
    if not (body.isascii() or _is_text(body)) or _has_endless_number(body):
        return None
    try:
        compact = msgspec.json.format(body.removeprefix(_BYTE_ORDER_MARK), indent=-1)
        bundle = _read_bundle(compact)
        if bytes(bundle.resourceType) != b'"Bundle"':
            return None
        links = _value(bundle.link)
        texts = [bytes(each.resource) for each in bundle.entry]
        modes = [each.search.mode for each in bundle.entry]
        heads = _heads(compact)
        if heads is None:
            return _one_by_one(bundle, texts, modes, len(body))
        whole = [head for head in heads if head]
        if len(whole) < len(heads):
            texts = list(compress(texts, heads))
            modes = list(compress(modes, heads))
        return Page(
            types=[head.resourceType for head in whole],
            ids=[head.id for head in whole],
            versions=[head.meta.versionId for head in whole],
            modes=modes,
            texts=texts,
            # Every bracket is closed again: a short text holds few. Most are short.
            parsed={
                place: json.loads(text)
                for place, text in enumerate(texts)
                if len(text) > 2 * _MANY_BRACKETS and text.count(b"{") + text.count(b"[") > _MANY_BRACKETS
            },
            next_link=link_of(links, "next"),
            self_link=link_of(links, "self"),
            total=total_of(_value(bundle.total)),
            empty_entries=len(bundle.entry) - len(whole),
            size=len(body),
        )
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _heads(compact: bytes) -> list[_Head | None] | None:
    """Of each entry what is read of its resource; ``None`` where one is not as it ought to be (a number for an id)."""
    try:
        return [each.resource for each in _read_heads(compact).entry]
    except msgspec.ValidationError:
        return None


def _one_by_one(bundle: _Bundle, texts: list[bytes], modes: list[str], size: int) -> Page:
    read = zip(texts, modes, strict=True)
    entries = [entry_of(json.loads(text), text, mode) for text, mode in read if text[:1] == b"{"]
    return page_of(entries, _value(bundle.link), _value(bundle.total), len(texts) - len(entries), size)


def _value(raw: msgspec.Raw) -> Any:
    return json.loads(bytes(raw)) if raw else None


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_endless_number(body: bytes) -> bool:
    """Whether more digits follow each other than Python makes a whole number of; a look at every so many bytes tells.

    Long runs of digits in strings count too: it is only a reason to look more closely.
    """
    most = sys.get_int_max_str_digits()
    if not most:
        return False
    for at in range(most, len(body), most):
        if 48 <= body[at] <= 57:
            before = body[at - most : at]
            run = len(before) - len(before.rstrip(b"0123456789"))
            if run + len(_DIGITS.match(body, at, at + most + 1)[0]) > most:  # type: ignore[index]  # matches always
                return True
    return False

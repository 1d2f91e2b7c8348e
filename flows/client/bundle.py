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
from typing import Any

import msgspec

from flows.client.bundle_walk import one_line, walk_page
from flows.client.page import Entry, Page, UnreadResource, UnusableBody, entry_of, link_of, total_of

__all__ = ["Entry", "Page", "UnusableBody", "entry_of", "one_line", "read_page"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOTHING = msgspec.Raw(b"")
# Python's json module gives up at some depth below 1,000. A resource of fewer brackets cannot be that deep; one of more
# is parsed at once, so that nothing is left to fail when somebody asks for it.
_MANY_BRACKETS = 600
_DIGITS = re.compile(rb"[0-9]*")


class _Search(msgspec.Struct, frozen=True, gc=False):
    mode: str = ""


class _Entry(msgspec.Struct, gc=False):
    resource: msgspec.Raw = _NOTHING
    search: _Search = _Search()


class _Bundle(msgspec.Struct, gc=False):
    resourceType: msgspec.Raw = _NOTHING  # noqa: N815
    link: msgspec.Raw = _NOTHING
    total: msgspec.Raw = _NOTHING
    entry: list[_Entry] = []


class _Meta(msgspec.Struct, frozen=True, gc=False):
    versionId: str = ""  # noqa: N815


class _Resource(msgspec.Struct, gc=False):
    resourceType: str = ""  # noqa: N815
    id: str = ""
    meta: _Meta = _Meta()


_read_bundle = msgspec.json.Decoder(_Bundle).decode
_read_resource = msgspec.json.Decoder(_Resource).decode


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
        entries = _entries(bundle.entry)
        return Page(
            entries=tuple(entries),
            next_link=link_of(links, "next"),
            self_link=link_of(links, "self"),
            total=total_of(_value(bundle.total)),
            empty_entries=len(bundle.entry) - len(entries),
            size=len(body),
        )
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _entries(read: list[_Entry]) -> list[Entry]:
    """Those with a resource. One loop and no call that can be spared: it runs once for every resource there is."""
    made = []
    for one in read:
        text = bytes(one.resource)
        if text[:1] != b"{":
            continue
        # Every bracket is closed again: a short text holds few. Most are short.
        if len(text) > 2 * _MANY_BRACKETS and text.count(b"{") + text.count(b"[") > _MANY_BRACKETS:
            made.append(entry_of(json.loads(text), text, one.search.mode))
            continue
        try:
            head = _read_resource(text)
        except msgspec.ValidationError:  # a number for an id, say
            made.append(entry_of(json.loads(text), text, one.search.mode))
            continue
        type_ = head.resourceType
        unread = UnreadResource(text, type_)
        made.append(Entry(type_, head.id, head.meta.versionId, one.search.mode, unread, text))
    return made


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

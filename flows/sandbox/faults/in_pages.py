"""Faults in the pages of a search, put in before the page becomes bytes: each resource keeps its own text."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import orjson

from flows.sandbox.faults.script import Fault
from flows.sandbox.page_parts import PageParts

AGAIN = "_again"  # marks the address under which an empty page's entries are


class Made:
    """Whether a fault happened: it does not apply to every answer. ``note`` is told at once, with what it cost."""

    def __init__(self, note: Callable[[tuple[str, ...]], object]) -> None:
        self.happened = False
        self._note = note

    def it(self, *lost: str) -> None:
        """It happens; ``lost`` are the resources (``Type/id``) that this answer loses or changes."""
        self.happened = True
        self._note(lost)


def duplicates(parts: PageParts, fault: Fault, made: Made) -> None:
    """Repeat the last entries of the pages before."""
    if again := parts.earlier(fault.entries):
        parts.entries = [*again, *parts.entries]
        made.it()


def withheld(parts: PageParts, fault: Fault, made: Made) -> None:
    """Leave out the last entries."""
    if parts.entries:
        made.it(*parts.keys[-fault.entries :])
        parts.entries, parts.keys = parts.entries[: -fault.entries], parts.keys[: -fault.entries]


def total_wrong(parts: PageParts, fault: Fault, made: Made) -> None:
    """Say another total on this page."""
    if parts.total is not None:
        parts.total = max(0, parts.total + fault.by)
        made.it()


def total_changes(parts: PageParts, fault: Fault, made: Made) -> None:
    """Say a total that depends on the page."""
    if parts.total is not None:
        parts.total = max(0, parts.total + fault.by * parts.number)
        made.it()


def page_loop(parts: PageParts, fault: Fault, made: Made) -> None:
    """Let ``next`` lead to this page, or to the first one."""
    if "next" in parts.links and parts.address is not None:
        parts.links["next"] = parts.address(0 if fault.to == "first" else parts.offset)
        made.it()


def next_origin(parts: PageParts, fault: Fault, made: Made) -> None:
    """Let ``next`` lead to another origin."""
    if "next" in parts.links:
        address = urlsplit(parts.links["next"])
        parts.links["next"] = f"{fault.origin}{address.path}?{address.query}"
        made.it()


def next_relative(parts: PageParts, fault: Fault, made: Made) -> None:
    """Shorten ``next``: only its query on the base, path and query, or without the scheme."""
    if "next" in parts.links:
        address = urlsplit(parts.links["next"])
        forms = {
            "path": f"{address.path}?{address.query}",
            "no-scheme": f"{address.netloc}{address.path}?{address.query}",
        }
        parts.links["next"] = forms.get(fault.to, f"?{address.query}")
        made.it()


def empty_page(parts: PageParts, _: Fault, made: Made) -> None:
    """Answer without entries, and give them under the next address."""
    if parts.address is not None:
        parts.links["next"] = f"{parts.address(parts.offset)}&{AGAIN}=1"
        parts.entries, parts.keys = [], []
        made.it()


def wrong_type(parts: PageParts, fault: Fault, made: Made) -> None:
    """Give one resource another type."""
    place = fault.entry - 1
    if place < len(parts.entries):
        kind = parts.keys[place].partition("/")[0]
        head, mark, resource = parts.entries[place].partition(b'"resource":')
        changed = retyped(resource, kind, fault.becomes)
        if changed is not None:
            parts.entries[place] = head + mark + changed
            made.it(parts.keys[place])


def retyped(text: bytes, kind: str, becomes: str) -> bytes | None:
    """A resource's text (more may follow it) with another ``resourceType``; None where its own cannot be found."""
    member = re.compile(rb'"resourceType"\s*:\s*"' + re.escape(kind.encode()) + rb'"')
    for found in member.finditer(text):
        # A contained resource may have the same type: the member at the top is the one outside of every bracket.
        if _depth(text[: found.start()]) == 1:
            return text[: found.start()] + b'"resourceType":' + orjson.dumps(becomes) + text[found.end() :]
    return None


def _depth(text: bytes) -> int:
    solid = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"', b"", text)
    return solid.count(b"{") + solid.count(b"[") - solid.count(b"}") - solid.count(b"]")


PAGE_EFFECTS: dict[str, Callable[[PageParts, Fault, Made], None]] = {
    "duplicates": duplicates,
    "withheld": withheld,
    "total-wrong": total_wrong,
    "total-changes": total_changes,
    "page-loop": page_loop,
    "next-origin": next_origin,
    "next-relative": next_relative,
    "empty-page": empty_page,
    "wrong-type": wrong_type,
}

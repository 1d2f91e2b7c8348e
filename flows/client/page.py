"""What a page of a search holds, as values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec


class UnusableBody(ValueError):
    """The body is no searchset Bundle; ``reason`` is a short word, never a piece of the body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a page: the resource's parsed form and its text as served (UTF-8, one line)."""

    type: str
    id: str
    version: str
    mode: str
    resource: Mapping[str, Any]
    text: bytes


class Page(msgspec.Struct, frozen=True):
    """One page of a search: its entries as columns, since what is done with all of them is done at once.

    ``texts`` are the resources as served (UTF-8, one line each), ``parsed`` those parsed already, by their place.
    ``empty_entries`` counts entries without a resource.
    """

    types: Sequence[str]
    ids: Sequence[str]
    versions: Sequence[str]
    modes: Sequence[str]
    texts: Sequence[bytes]
    parsed: Mapping[int, Mapping[str, Any]]
    next_link: str | None
    self_link: str | None
    total: int | None
    empty_entries: int
    size: int

    def resource(self, place: int) -> Mapping[str, Any]:
        """The resource at a place, parsed when somebody asks for something in it."""
        return self.parsed.get(place) or UnreadResource(self.texts[place], self.types[place])

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries one by one."""
        columns = (self.types, self.ids, self.versions, self.modes, map(self.resource, range(len(self.texts))))
        return tuple(Entry(*each) for each in zip(*columns, self.texts, strict=True))


class UnreadResource(Mapping[str, Any]):
    """A resource that is parsed when somebody asks for something in it: of most, nobody ever does.

    ``text`` must be a JSON object that Python's json module reads, ``type_`` the text of its ``resourceType``, if any.
    """

    __slots__ = ("_parsed", "_text", "_type")

    def __init__(self, text: bytes, type_: str) -> None:
        self._text, self._type = text, type_
        self._parsed: dict[str, Any] | None = None

    def _whole(self) -> dict[str, Any]:
        if self._parsed is None:
            parsed: dict[str, Any] = json.loads(self._text)
            self._parsed = parsed
        return self._parsed

    def _may_hold(self, name: str) -> bool:
        # A name that is not in the text is no member, unless it may be written with an escape.
        return self._parsed is not None or name.encode() in self._text or b"\\" in self._text

    def __getitem__(self, name: str) -> Any:
        return self._type if name == "resourceType" and self._type else self._whole()[name]

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict; Mapping's own raises and catches an error for each name that is not there."""
        if name == "resourceType" and self._type:
            return self._type
        return self._whole().get(name, default) if self._may_hold(name) else default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._may_hold(name) and name in self._whole()

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def __repr__(self) -> str:
        return "UnreadResource()"  # a resource's values belong in no log


def entry_of(resource: dict[str, Any], text: bytes, mode: str = "match") -> Entry:
    """An `Entry` of an already parsed resource; what is missing or of a wrong kind becomes an empty text."""
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    kind, id_ = resource.get("resourceType"), resource.get("id")
    return Entry(
        type=kind if isinstance(kind, str) else "",
        id=id_ if isinstance(id_, str) else "",
        version=version if isinstance(version, str) else "",
        mode=mode,
        resource=resource,
        text=text,
    )


def page_of(entries: Sequence[Entry], links: Any, total: Any, empty_entries: int, size: int) -> Page:
    """A `Page` of entries already parsed; ``links`` and ``total`` are those of the Bundle."""
    return Page(
        types=[entry.type for entry in entries],
        ids=[entry.id for entry in entries],
        versions=[entry.version for entry in entries],
        modes=[entry.mode for entry in entries],
        texts=[entry.text for entry in entries],
        parsed={place: entry.resource for place, entry in enumerate(entries)},
        next_link=link_of(links, "next"),
        self_link=link_of(links, "self"),
        total=total_of(total),
        empty_entries=empty_entries,
        size=size,
    )


def link_of(links: Any, relation: str) -> str | None:
    """The address of a Bundle's link, where it has one."""
    if isinstance(links, list):
        for link in links:
            if isinstance(link, dict) and link.get("relation") == relation and isinstance(link.get("url"), str):
                url: str = link["url"]
                return url or None
    return None


def total_of(total: Any) -> int | None:
    """A Bundle's ``total``, where it is a whole number."""
    return total if isinstance(total, int) and not isinstance(total, bool) else None

"""A page of a search before it becomes bytes: what a fault may change without touching any resource's text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

REWRITE = "bedside.rewrite"
"""The key of an ASGI scope under which a wrapper leaves a ``Rewrite``."""


@dataclass
class PageParts:
    """The parts of one page.

    links: relation to address. entries and keys: each entry's JSON with a comma after it, and its ``Type/id``, in
    order. earlier: the last entries of the pages before, by how many. address: of the page that begins at an offset;
    None where the search is one page.
    """

    number: int
    offset: int
    links: dict[str, str]
    entries: list[bytes]
    keys: list[str]
    total: int | None
    earlier: Callable[[int], list[bytes]]
    address: Callable[[int], str] | None


Rewrite = Callable[[PageParts], None]

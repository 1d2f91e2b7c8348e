"""What can go wrong on order, as data: each effect with the requests it fits, its parameters and what it may cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "metadata",
    "first-page",
    "later-page",
    "count",
    "read",
    "history",
    "kick-off",
    "status",
    "manifest",
    "file",
    "cancel",
    "discovery",
    "token",
    "other",
]
On = Literal[Kind, "page", "any"]
"""What a fault waits for: a kind of request, ``page`` (first or later) or ``any``."""

Cost = Literal["nothing", "retry", "data", "doubt"]
"""nothing: a client that keeps to the standard loses nothing. retry: nothing once it asks again, so it is lost where
the fault lasts for ever. data: something may not arrive even if the fault comes once. doubt: everything arrives, but
the server's own total says otherwise."""

EVERYWHERE: tuple[On, ...] = (
    "any",
    "metadata",
    "page",
    "first-page",
    "later-page",
    "count",
    "read",
    "history",
    "kick-off",
    "status",
    "manifest",
    "file",
    "cancel",
    "discovery",
    "token",
)
_PAGES: tuple[On, ...] = ("page", "first-page", "later-page")
_BODIES: tuple[On, ...] = ("metadata", *_PAGES, "history", "manifest", "file")
_WAITS = ("retry_after", "retry_after_date", "retry_after_ms")


@dataclass(frozen=True)
class Effect:
    """One effect. ``on`` are the requests it fits; ``parameters`` the fields of a fault that it reads."""

    name: str
    says: str
    on: tuple[On, ...]
    cost: Cost
    parameters: tuple[str, ...] = ()


_EFFECTS = (
    Effect("status", "an HTTP error (503), with or without a wait", EVERYWHERE, "retry", ("status", *_WAITS)),
    Effect("unauthorized", "401 although the credentials are good", EVERYWHERE, "retry"),
    Effect("reset", "the connection is reset, before the answer or within it", EVERYWHERE, "retry", ("keep",)),
    Effect("trickle", "the answer comes in small pieces", EVERYWHERE, "nothing", ("piece",)),
    Effect("body-cut", "the body ends early; the length announced is that of the whole, or of what is sent", _BODIES,
           "retry", ("keep", "at", "announced")),
    Effect("gzip-cut", "a gzip body that ends early", _BODIES, "retry", ("keep",)),
    Effect("html", "an HTML page with status 200", EVERYWHERE, "retry"),
    Effect("empty", "status 200 without a body", EVERYWHERE, "retry"),
    Effect("outcome", "status 200 with an OperationOutcome", EVERYWHERE, "retry", ("code",)),
    Effect("restart", "the server starts anew: searches and exports are forgotten, the connection is reset",
           EVERYWHERE, "retry"),
    Effect("page-expired", "410 (or 404) on a page", ("later-page",), "retry", ("status",)),
    Effect("duplicates", "the last entries of the page before are repeated", ("later-page",), "nothing", ("entries",)),
    Effect("withheld", "the last entries of a page are missing; total still counts them", _PAGES, "data", ("entries",)),
    Effect("total-wrong", "an exact total that is wrong", _PAGES, "doubt", ("by",)),
    Effect("total-changes", "a total that grows from page to page", _PAGES, "doubt", ("by",)),
    Effect("page-loop", "next leads to the page itself or to the first", _PAGES, "data", ("to",)),
    Effect("next-origin", "next leads to another origin", _PAGES, "data", ("origin",)),
    Effect("next-relative", "next is only the query, a path, or lacks the scheme", _PAGES, "nothing", ("to",)),
    Effect("empty-page", "an empty page whose next leads to the entries", _PAGES, "nothing"),
    Effect("wrong-type", "a resource of another type", (*_PAGES, "file"), "data", ("entry", "becomes")),
    Effect("bad-record", "500 for every page with one record in it", (*_PAGES, "read"), "retry", ("row",)),
    Effect("invalid-line", "a line of a file is no JSON", ("file",), "data", ("entry",)),
    Effect("export-fails", "the export ends with 500; a new one can be started", ("status", "manifest"), "retry"),
    Effect("export-partial", "a file of the export is missing and an error file says so", ("manifest",), "data"),
    Effect("export-expired", "the export is no longer known (404)", ("status", "manifest", "file"), "retry"),
    Effect("files-expired", "the addresses of files work no longer; the manifest has fresh ones", ("file",), "retry"),
)  # fmt: skip

EFFECTS: dict[str, Effect] = {effect.name: effect for effect in _EFFECTS}

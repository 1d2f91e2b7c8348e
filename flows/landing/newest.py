"""Where a search that is sorted by ``_lastUpdated`` has come to."""

from __future__ import annotations

import orjson

from flows.landing.instants import read_instant
from flows.landing.page_journal import JournalPage, PageJournal


def newest_in_order(journal: PageJournal, attempt: int) -> str | None:
    """The ``meta.lastUpdated`` of the last match of an attempt, as served.

    ``None`` where there is none, or where times do not rise from page to page: the server did not sort.
    """
    newest, moment = None, None
    for page in journal.read():
        if page.mark.attempt != attempt:
            continue
        for text in _times(page):
            at = read_instant(text)
            if at is None or (moment is not None and at < moment):
                return None
            newest, moment = text, at
    return newest


def _times(page: JournalPage) -> list[str]:
    """When the first and the last match of a page were changed."""
    entries = page.entries
    matches = [text for text, mode in zip(entries.texts, entries.modes, strict=True) if mode in ("match", "")]
    ends = matches[:1] + matches[1:][-1:]
    return [str((orjson.loads(text).get("meta") or {}).get("lastUpdated")) for text in ends]

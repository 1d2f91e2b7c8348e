"""Where a search that is sorted by ``_lastUpdated`` has come to."""

from __future__ import annotations

import orjson

from flows.landing.instants import read_instant
from flows.landing.page_journal import JournalPage, PageJournal


def newest_in_order(journal: PageJournal, attempt: int) -> str | None:
    """The ``meta.lastUpdated`` of the last match of an attempt, as served.

    ``None`` where there is none, or where times do not rise from page to page: the server did not sort. What the page
    before brought too says nothing: some repeat its last entries.
    """
    newest, moment = None, None
    before: frozenset[str] = frozenset()
    for page in journal.read():
        if page.mark.attempt != attempt:
            continue
        times, before = _times(page, before), frozenset(page.entries.ids)
        for text in times:
            at = read_instant(text)
            if at is None or (moment is not None and at < moment):
                return None
            newest, moment = text, at
    return newest


def _times(page: JournalPage, before: frozenset[str]) -> list[str]:
    """When the first and the last match of a page were changed, of those that are new on it."""
    entries = page.entries
    matches = [
        text
        for text, id_, mode in zip(entries.texts, entries.ids, entries.modes, strict=True)
        if mode in ("match", "") and id_ not in before
    ]
    ends = matches[:1] + matches[1:][-1:]
    return [str((orjson.loads(text).get("meta") or {}).get("lastUpdated")) for text in ends]

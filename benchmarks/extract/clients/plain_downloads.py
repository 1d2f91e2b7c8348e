"""Plain parallel downloads of the same pages, the limit: a thread a type, as many at once as Bedside's, each with a
``requests`` session; the next address is found by a search of the bytes, the body goes into a file, and nothing else is
done: no check, no retry, no resource of its own."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from benchmarks.extract.asked import Asked

PACKAGES = ("requests", "urllib3")
_NEXT = re.compile(rb'"relation":"next","url":"([^"]+)"')


def fetch(asked: Asked) -> None:
    """Leave ``<Type>.<n>.json``, a page each."""
    with ThreadPoolExecutor(asked.threads) as pool:
        for done in [pool.submit(_pages, asked, type_) for type_ in asked.types]:
            done.result()


def _pages(asked: Asked, type_: str) -> None:
    url: str | None = f"{asked.base}/{type_}?_total=accurate&_count={asked.page_size}"
    number = 0
    with requests.Session() as session:
        while url is not None:
            body = session.get(url).content
            Path(asked.out, f"{type_}.{number:05d}.json").write_bytes(body)
            # The links come before the entries, as servers write them: the first two thousand bytes hold them.
            found = _NEXT.search(body, 0, 2000)
            url = found[1].decode() if found else None
            number += 1

"""smart-fetch: its ``crawl`` command, without compression and without its default filters. It crawls by patient, so it
is given every patient's id, and it asks for pages of the same size; five connections, its own choice."""

from __future__ import annotations

import asyncio

from benchmarks.extract.asked import Asked

PACKAGES = ("smart-fetch", "cumulus-fhir-support", "httpx")


def fetch(asked: Asked) -> None:
    """Leave ``<Type>.ndjson``."""
    from smart_fetch.cli.main import main

    filters = [part for type_ in asked.types for part in ("--type-filter", f"{type_}?_count={asked.page_size}")]
    options = ["--fhir-url", asked.base, "--id-file", str(asked.patients), "--type", ",".join(asked.types), *filters]
    asyncio.run(main(["crawl", "--no-compression", "--no-default-filters", *options, str(asked.out)]))

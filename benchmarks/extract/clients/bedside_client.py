"""Bedside's client alone: `flows.client` pages through each type and every resource's own bytes are written down; no
duplicates, no hashes, no ledger. It shows what landing costs beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from benchmarks.extract.asked import Asked
from flows.client.fhir import FhirClient
from flows.landing.connect import connect
from flows.sites import Limits, Site

PACKAGES = ("bedside", "msgspec", "requests", "urllib3")


def fetch(asked: Asked) -> None:
    """Leave ``<Type>.ndjson``."""
    site = Site(id="bench", base=asked.base, page_size=asked.page_size, limits=Limits(parallel=asked.threads))
    client = connect(site)
    client.open()
    try:
        with ThreadPoolExecutor(asked.threads) as pool:
            for done in [pool.submit(_type, asked, client, type_) for type_ in asked.types]:
                done.result()
    finally:
        client.close()


def _type(asked: Asked, client: FhirClient, type_: str) -> None:
    with (asked.out / f"{type_}.ndjson").open("wb") as out:
        for page in client.search(type_, ()):
            out.writelines(part for entry in page.page.entries for part in (entry.text, b"\n"))

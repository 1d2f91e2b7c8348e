"""fhirpy, asynchronous: iterating a search of every type, all types at once; each resource is written down as JSON."""

from __future__ import annotations

import asyncio
import json

from benchmarks.extract.asked import Asked

PACKAGES = ("fhirpy", "aiohttp")


def fetch(asked: Asked) -> None:
    """Leave ``<Type>.ndjson``."""
    asyncio.run(_all(asked))


async def _all(asked: Asked) -> None:
    from fhirpy import AsyncFHIRClient

    client = AsyncFHIRClient(asked.base)
    await asyncio.gather(*(_type(asked, client, type_) for type_ in asked.types))


async def _type(asked: Asked, client: object, type_: str) -> None:
    with (asked.out / f"{type_}.ndjson").open("w", encoding="utf-8") as out:
        async for resource in client.resources(type_).limit(asked.page_size):  # type: ignore[attr-defined]
            out.write(json.dumps(resource.serialize()) + "\n")

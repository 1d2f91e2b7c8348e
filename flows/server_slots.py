"""One extract of a FHIR server at a time, over all machines that share a running Prefect server.

On one machine `flows.client.manners` keeps the limits, request by request; Prefect's limits are for whole tasks (a slot
costs some milliseconds and is renewed while it is held).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from flows.sites import Site


def limit_name(site: Site) -> str | None:
    """The global concurrency limit of a site's server, named by its host; ``None`` for what needs no limit."""
    if site.base is None or site.requests_per_second is None:
        return None
    return f"bedside {urlsplit(site.base).netloc}"


@contextmanager
def slot(site: Site) -> Iterator[None]:
    """Hold the slot of the site's server, waiting for it first; nothing where no Prefect server runs.

    The limit is made with one slot where there is none yet; whoever runs the Prefect server may give it more.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.concurrency.sync import concurrency
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.settings import PREFECT_API_URL

    name = limit_name(site)
    if name is None or not PREFECT_API_URL.value():
        yield
        return
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # made by another machine meanwhile
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))
    with concurrency(name, occupy=1, strict=True):
        yield

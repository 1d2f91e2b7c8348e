"""From a site of the sites file to the client that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from flows import stopping
from flows.client.auth import Authorisation, BasicAuthorisation, BearerAuthorisation, NoAuthorisation
from flows.client.fhir import FhirClient
from flows.client.origins import Origins
from flows.client.paging import PagingRules
from flows.client.retry import RetryRules
from flows.client.transport import Transport
from flows.sites import BasicAuth, BearerAuth, Site, Sites
from mappings.errors import DefinitionError


@contextmanager
def source_of(site: Site, sites: Sites | None = None) -> Iterator[FhirClient | Path]:
    """What a site's data come from: its folder, or its client, which is closed afterwards.

    ``sites`` says what relative paths of folders and secrets start from; without it the working folder.
    """
    if site.folder is not None:
        yield sites.folder_of(site) if sites is not None else Path(site.folder).expanduser()
        return
    client = connect(site, secrets_folder=sites.folder if sites is not None else None)
    try:
        yield client
    finally:
        client.close()


def connect(
    site: Site,
    *,
    base: str | None = None,
    secrets_folder: Path | None = None,
    rules: RetryRules | None = None,
    sleep: Callable[[float], None] = stopping.sleep,
) -> FhirClient:
    """The client of a site that is a server. It asks nothing yet and fetches no secret yet; close it after use.

    ``base`` stands for the site's own address (the embedded sandbox); ``secrets_folder`` is where relative secret
    files are looked for (the sites file's folder). ``rules`` and ``sleep`` are for tests.
    """
    address = base or site.base
    if address is None:
        raise DefinitionError(f"site {site.id} has no address to ask")
    made = rules or RetryRules(retry_after_max=float(site.limits.retry_after_max_s))
    transport = Transport(
        Origins(address, site.origins),
        _authorisation(site, secrets_folder),
        requests_per_second=site.requests_per_second,
        rules=made,
        sleep=sleep,
    )
    return FhirClient(address, transport, PagingRules(site.page_size, site.search.post))


def _authorisation(site: Site, folder: Path | None) -> Authorisation:
    match site.auth:
        case BasicAuth(user=user, password=password):
            return BasicAuthorisation(user, partial(password.resolve, folder))
        case BearerAuth(token=token):
            return BearerAuthorisation(partial(token.resolve, folder))
    return NoAuthorisation()

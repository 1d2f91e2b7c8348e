"""From a site of the sites file to the client that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows import stopping
from flows.client.auth.tokens import TokenAuthorisation
from flows.client.fhir import FhirClient
from flows.client.manners import Manners, folder_of
from flows.client.origins import Origins, origin_of
from flows.client.paging import PagingRules
from flows.client.retry import RetryRules
from flows.client.transport import Transport
from flows.landing.credentials import authorisation_of, tls_files
from flows.sites import Site, Sites
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


def _manners(site: Site, address: str, sleep: Callable[[float], None]) -> Manners:
    """The limits of a site, kept together with every other process that asks its server; none on this machine."""
    if site.requests_per_second is None:
        return Manners()
    folder = folder_of(origin_of(address) or address)
    return Manners(site.requests_per_second, site.limits.parallel, folder=folder, sleep=sleep)


def connect(
    site: Site,
    *,
    base: str | None = None,
    secrets_folder: Path | None = None,
    rules: RetryRules | None = None,
    sleep: Callable[[float], None] = stopping.sleep,
) -> FhirClient:
    """The client of a site that is a server. It asks nothing yet and fetches no secret yet; close it after use. Files
    of TLS are read at once, so that a fault in them is told before anything is asked (`DefinitionError`).

    ``base`` stands for the site's own address (the embedded sandbox); ``secrets_folder`` is where relative secret
    files are looked for (the sites file's folder). ``rules`` and ``sleep`` are for tests.
    """
    address = base or site.base
    if address is None:
        raise DefinitionError(f"site {site.id} has no address to ask")
    made = rules or RetryRules(retry_after_max=float(site.limits.retry_after_max_s))
    origins = Origins(address, site.origins, site.wrong_names)
    tls = tls_files(site, secrets_folder)
    warnings: list[dict[str, object]] = []
    authorisation = authorisation_of(site, secrets_folder, origins, tls, warnings.append)
    transport = Transport(
        origins,
        authorisation,
        manners=_manners(site, address, sleep),
        rules=made,
        sleep=sleep,
        verify=tls.verify,
        cert=tls.certificate,
    )
    if isinstance(authorisation, TokenAuthorisation):
        # Late: who listens to the transport is said when an extraction begins.
        authorisation.say = lambda sentence: transport.say(sentence)
    return FhirClient(address, transport, PagingRules(site.page_size, site.search.post), warnings)

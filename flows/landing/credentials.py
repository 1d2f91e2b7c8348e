"""From the credential and the TLS files of a sites file to what the client sends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from flows.client.auth import (
    Authorisation,
    BasicAuthorisation,
    BearerAuthorisation,
    KeptAuthorisation,
    NoAuthorisation,
)
from flows.client.auth.clients import Client, ClientSecret, PrivateKeyJwt
from flows.client.auth.command import token_of
from flows.client.auth.discovery import discovered
from flows.client.auth.sender import Sender
from flows.client.auth.signing import SigningKey, signing_key
from flows.client.auth.tls import Tls, tls_of
from flows.client.auth.tokens import TokenAuthorisation
from flows.client.origins import Origins
from flows.secret_places import Secret
from flows.site_credentials import BasicAuth, BearerAuth, ClientSecretAuth, SmartBackendAuth
from flows.sites import Site

Warn = Callable[[dict[str, object]], None]


def tls_files(site: Site, folder: Path | None) -> Tls:
    """The files of TLS; relative ones start from ``folder``. Raises `DefinitionError` naming the key at fault."""
    if site.tls is None:
        return Tls()
    return tls_of(*(_path(file, folder) for file in (site.tls.cert, site.tls.key, site.tls.ca)))


def authorisation_of(site: Site, folder: Path | None, origins: Origins, tls: Tls, warn: Warn) -> Authorisation:
    """What asks for a site's credential when a request needs it; nothing is fetched yet.

    ``warn`` is given what belongs into the manifest (scopes that were not granted).
    """
    match site.auth:
        case BasicAuth(user=user, password=password):
            return _kept_if_far(BasicAuthorisation(user, partial(password.resolve, folder)), password)
        case BearerAuth(token=Secret() as token):
            return _kept_if_far(BearerAuthorisation(partial(token.resolve, folder)), token)
        case BearerAuth(command=tuple(command), timeout_s=timeout):
            return KeptAuthorisation(BearerAuthorisation(partial(token_of, command, timeout, folder)))
        case SmartBackendAuth() | ClientSecretAuth():
            return _tokens(site.auth, folder, origins, tls, warn)
    return NoAuthorisation()


def _tokens(
    auth: SmartBackendAuth | ClientSecretAuth, folder: Path | None, origins: Origins, tls: Tls, warn: Warn
) -> Authorisation:
    sender = Sender(origins, tls)
    client: Client
    if isinstance(auth, SmartBackendAuth):
        place, kid = auth.key, auth.kid

        def key() -> SigningKey:
            return signing_key(place.resolve(folder), kid)

        client = PrivateKeyJwt(auth.client_id, key, auth.jku)
    else:
        client = ClientSecret(auth.client_id, partial(auth.secret.resolve, folder), auth.method)
    address = auth.token_endpoint

    def endpoint() -> str:
        # What a person wrote counts more than what a server says: behind a proxy it may say an internal address.
        return address if address is not None else discovered(origins, sender)

    return TokenAuthorisation(client, endpoint, sender, auth.scopes, warn=warn)


def _kept_if_far(made: Authorisation, secret: Secret) -> Authorisation:
    return KeptAuthorisation(made) if secret.is_far else made


def _path(file: str | None, folder: Path | None) -> Path | None:
    if file is None:
        return None
    path = Path(file).expanduser()
    return path if folder is None else folder / path

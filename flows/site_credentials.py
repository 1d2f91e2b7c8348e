"""How a site is asked, as the sites file says it: the credential, and the files of TLS (``docs/sites-file.md``)."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from flows.secret_places import SecretPlace


class Frozen(BaseModel):
    """A table of the sites file: it does not change, and an unknown key is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def address(value: str) -> str:
    """An http or https address without user, query and fragment, and without a slash at its end."""
    return _endpoint(value, query=False).rstrip("/")


def _endpoint(value: str, query: bool = True) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address, for instance https://fhir.example.org/r4")
    if parts.username or parts.password:
        raise ValueError("must hold no user or password: use auth")
    if parts.fragment or (parts.query and not query):
        raise ValueError("must end before " + ("#" if query else "? and #"))
    return value


def _scope(value: str) -> str:
    if not value or value.split() != [value]:
        raise ValueError("must be one scope without a space, for instance system/*.read")
    return value


def _file(value: str) -> str:
    path = value.removeprefix("file:")
    if not path.strip() or "-----BEGIN" in path or path.startswith(("env:", "prefect:")):
        raise ValueError("must be the path of a PEM file, from the sites file's folder")
    return path


Endpoint = Annotated[str, AfterValidator(_endpoint)]
Scope = Annotated[str, AfterValidator(_scope)]
PemFile = Annotated[str, AfterValidator(_file)]


class NoAuth(Frozen):
    """A server that asks for no credential."""

    kind: Literal["none"] = "none"


class BasicAuth(Frozen):
    """User and password, sent with each request (RFC 7617)."""

    kind: Literal["basic"]
    user: str = Field(min_length=1)
    password: SecretPlace


class BearerAuth(Frozen):
    """A token that is issued elsewhere (RFC 6750): kept in a place, or printed by a command (a list, no shell)."""

    kind: Literal["bearer"]
    token: SecretPlace | None = None
    # Not shown: an argument may be what should have been in the environment.
    command: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(None, min_length=1, repr=False)
    timeout_s: float = Field(60, gt=0, le=600)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.token is None) == (self.command is None):
            raise ValueError("say either token (env:NAME, file:PATH or prefect:secret/NAME) or command")
        return self


class SmartBackendAuth(Frozen):
    """SMART Backend Services: a signed assertion for a token (SMART App Launch 2.2). The key's kind decides between
    RS384 and ES384; ``kid`` is as registered, and may stand in a JWK."""

    kind: Literal["smart-backend"]
    client_id: str = Field(min_length=1)
    key: SecretPlace
    kid: str | None = Field(None, min_length=1)
    jku: Endpoint | None = None
    scopes: tuple[Scope, ...] = Field(("system/*.read",), min_length=1)
    token_endpoint: Endpoint | None = None


class ClientSecretAuth(Frozen):
    """OAuth 2 client credentials with a secret (RFC 6749, 2.3.1 and 4.4)."""

    kind: Literal["client-secret"]
    client_id: str = Field(min_length=1)
    secret: SecretPlace
    method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    scopes: tuple[Scope, ...] = ()
    token_endpoint: Endpoint | None = None


Auth = Annotated[
    NoAuth | BasicAuth | BearerAuth | SmartBackendAuth | ClientSecretAuth,
    Field(discriminator="kind"),
]


class TlsFiles(Frozen):
    """``cert`` and ``key``: the client certificate of mutual TLS (the key may stand in the same file); ``ca``: the only
    authorities trusted for this site."""

    cert: PemFile | None = None
    key: PemFile | None = None
    ca: PemFile | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.key is not None and self.cert is None:
            raise ValueError("key: needs cert beside it")
        if self.cert is None and self.ca is None:
            raise ValueError("needs cert (with key) or ca")
        return self

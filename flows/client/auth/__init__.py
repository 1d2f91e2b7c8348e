"""How a request says who is asking: headers, the places secrets are kept in, and tokens of OAuth 2 and SMART."""

from flows.client.auth.headers import (
    Authorisation,
    BasicAuthorisation,
    BearerAuthorisation,
    KeptAuthorisation,
    NoAuthorisation,
)
from flows.client.auth.places import RESOLVERS, Resolver, resolve_secret

__all__ = [
    "RESOLVERS",
    "Authorisation",
    "BasicAuthorisation",
    "BearerAuthorisation",
    "KeptAuthorisation",
    "NoAuthorisation",
    "Resolver",
    "resolve_secret",
]

"""Which addresses may be asked, and which of them with the credential.

An origin is scheme, host and port. The base's own origin is asked with the credential. Another one is asked only when
the sites file names it, and gets the credential only when it says so there. The same rule holds after a redirect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin, urlsplit, urlunsplit

from requests.models import PreparedRequest
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from mappings.errors import DefinitionError

_PORTS = {"http": 80, "https": 443}
Permission = Literal["with-credential", "without-credential", "not-named"]


def origin_of(url: str) -> str | None:
    """``scheme://host:port`` of an absolute address, or ``None`` when it is not one to be asked.

    The parser is the one that will send the request, so that no other reading of the same text (a backslash, a user
    part) leads elsewhere than what was judged.
    """
    prepared = PreparedRequest()
    try:
        prepared.prepare_url(url, None)
        parts = parse_url(prepared.url or "")
    except (HTTPError, ValueError):
        return None
    scheme = (parts.scheme or "").lower()
    if scheme not in _PORTS or not parts.host:
        return None
    return f"{scheme}://{parts.host.lower()}:{parts.port or _PORTS[scheme]}"


@dataclass(frozen=True)
class Origins:
    """The base address of a site and the other origins its sites file names (``True``: with the credential).

    ``wrong_names`` are origins that the server's links hold where its own is meant.
    """

    base: str
    others: Mapping[str, bool] = field(default_factory=dict)
    wrong_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for url in (self.base, *self.others, *self.wrong_names):
            if origin_of(url) is None:
                raise DefinitionError("a base address or an origin in the sites file is no http or https address")

    def repaired(self, url: str) -> str:
        """The address to ask: one on a wrong name of the server is that on the server itself, path and query kept."""
        if not self.wrong_names or origin_of(url) not in {origin_of(name) for name in self.wrong_names}:
            return url
        base, parts = urlsplit(self.base), urlsplit(url)
        return urlunsplit((base.scheme, base.netloc, parts.path, parts.query, ""))

    def permission(self, url: str) -> Permission:
        """What the sites file allows for ``url``."""
        origin = origin_of(url)
        if origin is None:
            return "not-named"
        if origin == origin_of(self.base):
            return "with-credential"
        for other, with_token in self.others.items():
            if origin_of(other) == origin:
                return "with-credential" if with_token else "without-credential"
        return "not-named"


def candidates(link: str, base: str, request_url: str) -> tuple[str, ...]:
    """The absolute addresses a ``next`` link may mean, the likeliest first. ``base`` has no trailing slash.

    Absolute links are taken as given. Without a scheme (seen at Aidbox, Canvas and behind proxies) the link is read
    against the FHIR base and against the request.
    """
    base_parts = urlsplit(base)
    root = f"{base_parts.scheme}://{base_parts.netloc}"
    if urlsplit(link).scheme in _PORTS:
        found = [link]
    elif link.startswith("//"):
        found = [f"{base_parts.scheme}:{link}"]
    elif link.split("/", 1)[0].split("?", 1)[0].lower() == base_parts.netloc.lower():
        found = [f"{base_parts.scheme}://{link}"]
    elif link.startswith("?"):
        found = [urljoin(request_url, link), base + link]
    elif link.startswith("/"):
        under_base = bool(base_parts.path) and (link + "/").startswith(base_parts.path + "/")
        found = [root + link] if under_base else [base + link, root + link]
    else:
        found = [f"{base}/{link}", urljoin(request_url, link)]
    return tuple(dict.fromkeys(found))

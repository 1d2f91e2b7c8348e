"""Requests on the way to a token: one try each, no credential but what is handed in, nothing kept.

Apart from `flows.client.transport`, which asks here for its header and brings the retries: a fault worth retrying is
raised as `TransientFault` with a reason that begins with ``token-``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError

from flows.client.auth.tls import Tls
from flows.client.faults import OriginFault, TransientFault
from flows.client.origins import Origins, origin_of

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Answer:
    """A status with its body; the body of a token endpoint holds a token and is shown nowhere."""

    status: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def document(self) -> Mapping[str, Any]:
        """The JSON object of the body; empty where it is none."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, Mapping) else {}


class Sender:
    """Asks documents and token endpoints over the site's TLS settings.

    Safe to use from several threads: every request has a connection of its own, because there are minutes between them.
    """

    def __init__(self, origins: Origins, tls: Tls | None = None, timeout: tuple[float, float] = (10.0, 60.0)) -> None:
        self._origins, self._tls, self._timeout = origins, tls or Tls(), timeout

    def get(self, url: str, accept: str) -> Answer:
        """A document that needs no credential. Redirects stay on origins that the sites file names."""
        for _ in range(_MOST_REDIRECTS + 1):
            permission = self._origins.permission(url)
            if permission == "not-named":
                raise OriginFault(origin_of(url) or "of an address that is not http")
            answer = self._once("GET", url, {"Accept": accept}, None, permission == "with-credential")
            target = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not target:
                return answer
            url = urljoin(url, target)
        return answer

    def post(self, url: str, form: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> Answer:
        """A form to a token endpoint. No redirect is followed: what is sent belongs to this address alone."""
        return self._once("POST", url, {"Accept": "application/json", **headers}, form, True)

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        form: Sequence[tuple[str, str]] | None,
        with_certificate: bool,
    ) -> Answer:
        try:
            with requests.request(
                method,
                url,
                data=None if form is None else list(form),
                headers={"User-Agent": "bedside", **headers},
                auth=_as_given,
                timeout=self._timeout,
                allow_redirects=False,
                verify=self._tls.verify,
                cert=self._tls.certificate if with_certificate else None,
            ) as response:
                return Answer(response.status_code, url, response.headers, response.content)
        except requests.exceptions.SSLError:
            reason = "tls"
        except requests.exceptions.ConnectTimeout:
            reason = "unreachable"
        except requests.exceptions.Timeout:
            reason = "timeout"
        except requests.exceptions.ConnectionError:
            reason = "unreachable"
        except (requests.exceptions.RequestException, HTTPError, OSError, ValueError):
            reason = "dropped"
        # Raised here and not above: the library's own error holds the form, and with it the secret.
        raise TransientFault(f"token-{reason}")


def _as_given(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Being there, it keeps requests from looking into ~/.netrc."""
    return prepared

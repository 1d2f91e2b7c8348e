"""What the environment says of proxies and authorities counts, as it does for every program that uses requests.

Oracle: the documentation of requests (HTTP_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.client.exchange import Exchange
from flows.client.faults import TransientFault
from tests.fixtures.authority import Authority
from tests.unit.client.scripted_server import Answer, ScriptedServer

TIMEOUT = (5.0, 5.0)


def get(url: str) -> bytes:
    exchange = Exchange(TIMEOUT)
    try:
        return exchange.send("GET", url, {}, None).body()
    finally:
        exchange.close()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "no_proxy", "all_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(lambda _: Answer(200, b"by proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base)
        assert get("http://hospital.invalid/fhir/metadata") == b"by proxy"


def test_what_no_proxy_names_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(lambda _: Answer(200, b"by proxy")) as proxy, ScriptedServer(lambda _: Answer(200)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.base)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert get(f"{server.base}/metadata") == b""
        assert len(proxy.asked) == 0


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authorities_of_the_environment_are_trusted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    with ScriptedServer(lambda _: Answer(200, b"hello"), tls=authority.server_context()) as server:
        with pytest.raises(TransientFault, match="tls"):
            get(f"{server.base}/metadata")
        monkeypatch.setenv(name, str(authority.certificate))
        assert get(f"{server.base}/metadata") == b"hello"

"""Where the token endpoint is. Oracle: fhir.md section 5 (smart-configuration, then the older extension) and the
design's rule on origins: what proves who we are goes to no origin that the sites file does not name."""

from __future__ import annotations

import json

import pytest

from flows.client.auth.discovery import discovered
from flows.client.auth.sender import Sender
from flows.client.faults import OriginFault, TransientFault
from flows.client.origins import Origins
from mappings.errors import SourceError
from tests.unit.client.scripted_server import HTML, Answer, Asked, ScriptedServer

CONFIGURATION, STATEMENT = "/fhir/.well-known/smart-configuration", "/fhir/metadata"


def configuration(address: object) -> Answer:
    return Answer(body=json.dumps({"token_endpoint": address}).encode())


def statement(address: object) -> Answer:
    uris = {
        "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
        "extension": [{"url": "authorize", "valueUri": "https://no.example"}, {"url": "token", "valueUri": address}],
    }
    said = {"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "security": {"extension": [uris]}}]}
    return Answer(body=json.dumps(said).encode())


def discover(server: ScriptedServer, pages: dict[str, Answer], others: dict[str, bool] | None = None) -> str:
    def answer(asked: Asked) -> Answer:
        assert asked.authorization is None
        return pages.get(asked.path, Answer(404))

    server.answer = answer
    origins = Origins(server.base, others or {})
    return discovered(origins, Sender(origins))


@pytest.mark.parametrize("nothing", [Answer(404), Answer(401), Answer(500), HTML, Answer(body=b"[]"), configuration(7)])
def test_the_older_extension_is_read_where_there_is_no_configuration(nothing: Answer) -> None:
    with ScriptedServer() as server:
        address = f"{server.origin}/old/token"
        assert discover(server, {CONFIGURATION: nothing, STATEMENT: statement(address)}) == address
        assert [each.path for each in server.asked] == [CONFIGURATION, STATEMENT]


def test_the_configuration_comes_first_and_may_be_relative() -> None:
    with ScriptedServer() as server:
        pages = {CONFIGURATION: configuration("/auth/token"), STATEMENT: statement(f"{server.origin}/old")}
        assert discover(server, pages) == f"{server.origin}/auth/token"
        assert [each.path for each in server.asked] == [CONFIGURATION]


@pytest.mark.parametrize("page", [configuration, statement])
def test_an_endpoint_on_another_origin_must_be_named(page: object) -> None:
    assert callable(page)
    path = CONFIGURATION if page is configuration else STATEMENT
    with ScriptedServer() as server:
        address = "https://login.example/token"
        with pytest.raises(SourceError, match=r"token endpoint on https://login\.example:443, which the sites file"):
            discover(server, {path: page(address)})
        for with_token in (False, True):
            assert discover(server, {path: page(address)}, {"https://login.example": with_token}) == address
        with pytest.raises(SourceError, match="no http or https address"):
            discover(server, {path: page("ftp://login.example/token")})


def test_no_endpoint_anywhere_is_exit_3_and_says_what_to_do() -> None:
    with ScriptedServer() as server, pytest.raises(SourceError, match="say token_endpoint in auth") as caught:
        discover(
            server, {STATEMENT: Answer(body=b'{"resourceType": "CapabilityStatement", "rest": [{"security": 3}]}')}
        )
    assert caught.value.exit_code == 3


def test_a_document_that_may_come_later_is_worth_asking_again() -> None:
    with ScriptedServer() as server:
        with pytest.raises(TransientFault, match="token-discovery-http-503"):
            discover(server, {CONFIGURATION: Answer(503)})
        with pytest.raises(TransientFault, match="token-unreachable"):
            discover(server, {CONFIGURATION: Answer(drop=True)})


def test_redirects_stay_on_named_origins_and_end() -> None:
    with ScriptedServer() as server:
        there = Answer(302, headers={"Location": "/fhir/there"})
        pages = {CONFIGURATION: there, "/fhir/there": configuration("/t")}
        assert discover(server, pages) == f"{server.origin}/t"
        with pytest.raises(OriginFault):
            discover(server, {CONFIGURATION: Answer(302, headers={"Location": "https://else.example/"})})
        with pytest.raises(SourceError, match="names no token endpoint"):
            discover(server, {CONFIGURATION: Answer(302, headers={"Location": CONFIGURATION})})

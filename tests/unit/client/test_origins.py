"""Origins, redirects and secrets. Oracle: the design's rule on origins; a canary must be seen nowhere else."""

from __future__ import annotations

import base64
import logging
import traceback

import pytest

from flows.client.auth import BasicAuthorisation, BearerAuthorisation, resolve_secret
from flows.client.faults import OriginFault, RefusedFault, RequestFault
from flows.client.fhir import FhirClient
from flows.client.origins import Origins, candidates, origin_of
from flows.client.paging import bundle_judge
from flows.client.transport import Request, Transport
from mappings.errors import DefinitionError, SourceError
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer, bundle, in_turn, observation

CANARY = "canary-5ecret"
PATIENT = "patient-canary-77"


def transport(base: str, others: dict[str, bool] | None = None, token: str = CANARY) -> Transport:
    return Transport(Origins(base, others or {}), BearerAuthorisation(lambda: token), sleep=lambda _: None)


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(status, headers={"Location": to})


def test_other_origin_not_named_is_not_asked() -> None:
    with ScriptedServer(in_turn(bundle())) as other, ScriptedServer(in_turn(redirect(other.base))) as server:
        with pytest.raises(OriginFault) as caught:
            transport(server.base).ask(Request(server.base), bundle_judge)
        assert other.asked == []
        assert caught.value.origin == other.origin


def test_redirect_to_other_origin_drops_credential() -> None:
    with ScriptedServer(in_turn(bundle())) as other, ScriptedServer(in_turn(redirect(other.base))) as server:
        transport(server.base, {other.origin: False}).ask(Request(server.base), bundle_judge)
        assert server.asked[0].authorization == f"Bearer {CANARY}"
        assert [each.authorization for each in other.asked] == [None]


def test_named_origin_with_token_gets_it() -> None:
    with ScriptedServer(in_turn(bundle())) as other, ScriptedServer(in_turn(redirect(other.base, 307))) as server:
        transport(server.base, {other.origin: True}).ask(Request(server.base), bundle_judge)
        assert other.asked[0].authorization == f"Bearer {CANARY}"


def test_netrc_and_cookies_do_not_reach_another_origin(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    from pathlib import Path

    netrc = Path(str(tmp_path)) / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password netrc-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer(in_turn(bundle())) as other:
        first = redirect(other.base)
        first.headers = {**first.headers, "Set-Cookie": "session=abc; Path=/"}
        with ScriptedServer(in_turn(first)) as server:
            sender = transport(server.base, {other.origin: False})
            sender.ask(Request(server.base), bundle_judge)
            sender.ask(Request(server.base), bundle_judge)
            assert server.asked[1].headers.get("cookie") == "session=abc"
        assert all(each.authorization is None and "cookie" not in each.headers for each in other.asked)


def test_post_keeps_its_form_on_307_and_becomes_get_on_303() -> None:
    form = (("patient", "a,b"),)
    for status, method, kept in ((307, "POST", form), (308, "POST", form), (303, "GET", ()), (302, "GET", ())):
        with ScriptedServer(in_turn(redirect("/fhir/there", status), bundle())) as server:
            transport(server.base).ask(Request(f"{server.base}/_search", form), bundle_judge)
            assert (server.asked[1].method, server.asked[1].form, server.asked[1].path) == (method, kept, "/fhir/there")


def test_redirects_without_end_are_an_error() -> None:
    with ScriptedServer(in_turn(redirect("/fhir"))) as server:
        with pytest.raises(RefusedFault, match="too-many-redirects"):
            transport(server.base).ask(Request(server.base), bundle_judge)
        assert len(server.asked) == 6


def test_401_after_success_is_renewed_once_and_then_refused() -> None:
    tokens = iter(["old", "old", "new", "new", "new"])
    with ScriptedServer(in_turn(bundle(), Answer(401), bundle(), Answer(401))) as server:
        sender = Transport(Origins(server.base), BearerAuthorisation(lambda: next(tokens)), sleep=lambda _: None)
        sender.ask(Request(server.base), bundle_judge)
        sender.ask(Request(server.base), bundle_judge)
        assert [each.authorization for each in server.asked] == ["Bearer old", "Bearer old", "Bearer new"]
        with pytest.raises(SourceError):
            sender.ask(Request(server.base), bundle_judge)
        assert len(server.asked) == 5


@pytest.mark.parametrize(
    "answer", [Answer(401), Answer(400), Answer(500), Answer(drop=True), redirect("http://x.test/")]
)
def test_secret_and_patient_never_in_exception_or_log(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with ScriptedServer(in_turn(answer)) as server:
        origins = Origins(server.base)
        sender = Transport(origins, BasicAuthorisation("u", lambda: CANARY), sleep=lambda _: None, say=said.append)
        try:
            sender.ask(Request(f"{server.base}/Observation?patient={PATIENT}"), bundle_judge)
            pytest.fail("no error")
        except (RequestFault, SourceError) as error:
            text = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
            chain, each = [], error
            while each is not None:
                chain.append(str(each))
                each = each.__cause__ or each.__context__
        basic = base64.b64encode(f"u:{CANARY}".encode()).decode()
        assert server.asked[0].authorization == f"Basic {basic}"
        for secret in (CANARY, basic, PATIENT):
            assert secret not in text + " ".join(chain) + caplog.text + " ".join(said)


def test_secret_is_resolved_late_and_its_absence_is_clear(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    from pathlib import Path

    monkeypatch.setenv("BEDSIDE_TEST_SECRET", CANARY)
    file = Path(str(tmp_path)) / "token"
    file.write_text(f"{CANARY}\n")
    assert resolve_secret("env:BEDSIDE_TEST_SECRET") == CANARY
    assert resolve_secret(f"file:{file}") == CANARY
    assert resolve_secret("prefect:block", {"prefect": str.upper}) == "BLOCK"
    with pytest.raises(SourceError, match="env:BEDSIDE_NOT_SET"):
        resolve_secret("env:BEDSIDE_NOT_SET")
    with pytest.raises(SourceError) as caught:
        resolve_secret(CANARY)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://h.example/a?b", "http://h.example:80"),
        ("HTTPS://H.Example:443/", "https://h.example:443"),
        ("https://user:pw@h.example/", "https://h.example:443"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("http://good.example@evil.example/", "http://evil.example:80"),
        ("http://evil.example\\@good.example/", "http://evil.example:80"),
        ("http://h.example:443:443/", None),
        ("ftp://h.example/", None),
        ("//h.example/", None),
        ("Observation?page=2", None),
        ("http://", None),
    ],
)
def test_origin_is_what_the_sender_would_connect_to(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


def test_scheme_and_port_are_part_of_the_origin() -> None:
    origins = Origins("https://h.example/fhir", {"https://files.example:8443": False})
    assert origins.permission("https://h.example:443/else") == "with-credential"
    assert origins.permission("http://h.example/fhir") == "not-named"
    assert origins.permission("https://files.example:8443/a") == "without-credential"
    assert origins.permission("https://files.example/a") == "not-named"
    with pytest.raises(DefinitionError):
        Origins("h.example/fhir")


@pytest.mark.parametrize(
    ("link", "first"),
    [
        ("http://else.example/p?x=1", "http://else.example/p?x=1"),
        ("//h.example/fhir?p=1", "https://h.example/fhir?p=1"),
        ("h.example/fhir?p=1", "https://h.example/fhir?p=1"),
        ("?page=2", "https://h.example/fhir/Observation?page=2"),
        ("/fhir/Observation?page=2", "https://h.example/fhir/Observation?page=2"),
        ("/Observation?page=2", "https://h.example/fhir/Observation?page=2"),
        ("Observation?page=2", "https://h.example/fhir/Observation?page=2"),
    ],
)
def test_next_link_is_resolved_against_base_and_request(link: str, first: str) -> None:
    assert candidates(link, "https://h.example/fhir", "https://h.example/fhir/Observation?code=a")[0] == first


def test_a_wrong_name_of_the_server_is_the_server_itself_and_only_where_it_is_said() -> None:
    """Proxies: `http://internal`, `localhost`, a wrong port. Repaired only by a rule of the sites file."""
    base = "https://fhir.example/r4"
    link = "http://internal:8080/r4/Observation?page=2&x=a%2Cb"
    assert Origins(base).repaired(link) == link
    said = Origins(base, wrong_names=("http://internal:8080", "https://fhir.example:8443"))
    assert said.repaired(link) == "https://fhir.example/r4/Observation?page=2&x=a%2Cb"
    assert said.repaired("https://fhir.example:8443/r4?p=1") == "https://fhir.example/r4?p=1"
    assert said.repaired("http://internal:8081/r4?p=1") == "http://internal:8081/r4?p=1"
    assert said.permission(link) == "not-named"


def test_links_on_a_wrong_name_are_asked_of_the_base_with_the_credential() -> None:
    def route(asked: Asked) -> Answer:
        page = dict(asked.parameters).get("page")
        return (
            bundle([observation("b")]) if page else bundle([observation("a")], "http://internal.invalid:81/fhir?page=2")
        )

    with ScriptedServer(route) as server:
        origins = Origins(server.base, wrong_names=("http://internal.invalid:81",))
        transport = Transport(origins, BearerAuthorisation(lambda: CANARY), sleep=lambda _: None)
        pages = list(FhirClient(server.base, transport).search("Observation", ()))
        assert [entry.id for page in pages for entry in page.page.entries] == ["a", "b"]
        assert [asked.authorization for asked in server.asked] == [f"Bearer {CANARY}"] * 2

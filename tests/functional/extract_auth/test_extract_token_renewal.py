"""Tokens that end, clocks that differ and token endpoints that stumble while an extraction runs. Oracle: the hospital's
own resources; the sandbox counts the tokens it gives and keeps every rule that an assertion broke."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flows.client.auth import BearerAuthorisation
from flows.client.auth.clients import ClientSecret
from flows.client.auth.sender import Sender
from flows.client.auth.tokens import TokenAuthorisation
from flows.client.origins import Origins
from flows.client.paging import bundle_judge
from flows.client.transport import Request, Transport
from flows.sandbox.tokens import TokenAccess
from mappings.errors import SourceError
from tests.fixtures.hospital_faults import counts
from tests.fixtures.token_ward import Open
from tests.unit.client.hospital import CANARY, COHORT_COUNTS, Hospital, extract
from tests.unit.client.scripted_server import HTML, Answer, Asked, ScriptedServer, bundle

SMART = {"kind": "smart-backend", "client_id": "bedside", "key": "file:ES384.jwk"}


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("at", range(2, 8))
def test_tokens_that_end_in_mid_run_are_renewed_once_and_nothing_is_lost(
    at: int, parallel: int, ward: Open, tmp_path: Path
) -> None:
    seen = []

    def end(access: TokenAccess, path: str) -> None:
        if path.startswith("/fhir") and "/." not in path:
            seen.append(path)
            if len(seen) == at:
                access.end_tokens()

    with ward(end) as opened:
        manifest = opened.extract(SMART, tmp_path / "landing", limits={"parallel": parallel})
        assert opened.access.given == 2
        assert 401 in {status for _, status in opened.asked.requests}
    assert manifest.complete
    assert counts(tmp_path / "landing") == COHORT_COUNTS


def test_a_server_that_forgets_every_token_at_once_is_exit_3_and_no_loop(ward: Open, tmp_path: Path) -> None:
    def end(access: TokenAccess, path: str) -> None:
        if path.endswith("/Observation"):
            access.end_tokens()

    with ward(end) as opened:
        with pytest.raises(SourceError, match="401"):
            opened.extract(SMART, tmp_path / "landing", limits={"parallel": 1})
        assert opened.access.given == 2
        assert [status for path, status in opened.asked.requests if path.endswith("/Observation")] == [401, 401]


@pytest.mark.parametrize("skew", [0, 2, -2])
def test_seconds_of_clock_skew_are_nothing(skew: int, ward: Open, tmp_path: Path) -> None:
    with ward(clock_skew=skew) as opened:
        assert opened.extract(SMART, tmp_path / "landing").complete
        assert (opened.access.given, opened.access.refusals) == (1, [])
    assert counts(tmp_path / "landing") == COHORT_COUNTS


@pytest.mark.parametrize(("skew", "rule"), [(3600, "exp is past"), (-3600, "exp is more than 300 s ahead")])
def test_an_hour_of_clock_skew_is_survived_by_the_servers_date_and_said(
    skew: int, rule: str, ward: Open, tmp_path: Path
) -> None:
    with ward(clock_skew=skew) as opened:
        assert opened.extract(SMART, tmp_path / "landing").complete
        assert (opened.access.given, opened.access.refusals) == (1, [rule])
    log = (tmp_path / "landing" / "log.ndjson").read_text()
    assert f"{'ahead of' if skew > 0 else 'behind'} ours: assertions are dated by it" in log


def test_every_thread_that_met_the_401_waits_for_one_new_token() -> None:
    """All requests of the first token are held until eight of them are there, and are then refused together."""
    everybody = threading.Barrier(8)
    given: list[int] = []

    def answer(asked: Asked) -> Answer:
        if asked.path == "/token":
            given.append(1)
            said = {"access_token": f"t{len(given)}", "token_type": "bearer", "expires_in": 300}
            return Answer(body=json.dumps(said).encode())
        if asked.authorization == "Bearer t1" and asked.path != "/fhir/first":
            everybody.wait(60)
            return Answer(401)
        return bundle()

    with ScriptedServer(answer) as server:
        origins = Origins(server.base)
        client = ClientSecret("c", lambda: CANARY, "client_secret_post")
        tokens = TokenAuthorisation(client, lambda: f"{server.origin}/token", Sender(origins))
        transport = Transport(origins, tokens, sleep=lambda _: None)
        transport.ask(Request(f"{server.base}/first"), bundle_judge)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: transport.ask(Request(f"{server.base}/{n}"), bundle_judge), range(8)))
        transport.close()
        sent = [each.authorization for each in server.asked if each.path != "/token"]
    assert len(given) == 2
    assert (sent.count("Bearer t1"), sent.count("Bearer t2")) == (9, 8)


SECRET = {"kind": "client-secret", "client_id": "c", "secret": "env:BEDSIDE_TEST_SECRET"}


def _hospital_with_tokens(server: ScriptedServer, *first: Answer, expires_in: Any = 300) -> list[Asked]:
    """The hospital beside a token endpoint that gives ``first`` before its tokens; returns the token requests."""
    hospital, asked_for, left = Hospital(server), [], list(first)

    def answer(asked: Asked) -> Answer:
        if asked.path == "/fhir/.well-known/smart-configuration":
            return Answer(body=json.dumps({"token_endpoint": f"{server.origin}/token"}).encode())
        if asked.path == "/token":
            asked_for.append(asked)
            said = {"access_token": f"{CANARY}-{len(asked_for)}", "token_type": "Bearer", "expires_in": expires_in}
            return left.pop(0) if left else Answer(body=json.dumps(said).encode())
        if not (asked.authorization or "").startswith(f"Bearer {CANARY}-"):
            return Answer(401)
        return hospital(asked)

    server.answer = answer
    return asked_for


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_TEST_SECRET", CANARY)


@pytest.mark.parametrize(
    "first",
    [
        (Answer(503), Answer(429, headers={"Retry-After": "3"})),
        (HTML, HTML),
        (Answer(drop=True), Answer(500)),
        (Answer(body=b'{"access_token": "cut', cut=True),),
    ],
    ids=["throttled", "html", "dropped", "cut"],
)
def test_a_token_endpoint_that_stumbles_is_asked_again_by_the_retry_rules(
    first: tuple[Answer, ...], tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        asked = _hospital_with_tokens(server, *first)
        assert extract(server, tmp_path / "landing", auth=SECRET).complete
        assert len(asked) == len(first) + 1
    assert counts(tmp_path / "landing") == COHORT_COUNTS


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(503), r"gives no token \(http-503\)"),
        (HTML, "answers with HTML pages only"),
        (Answer(drop=True), "cannot be reached"),
    ],
    ids=["503", "html", "dropped"],
)
def test_a_token_endpoint_that_never_gives_one_is_exit_3_after_six_tries(
    answer: Answer, words: str, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        asked = _hospital_with_tokens(server, *([answer] * 50))
        with pytest.raises(SourceError, match=rf"the token endpoint of {server.base} {words}"):
            extract(server, tmp_path / "landing", auth=SECRET)
        assert len(asked) == 6


def test_a_token_endpoint_that_stops_in_mid_run_leaves_the_rest_missing_and_named(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        asked = _hospital_with_tokens(server)
        inner = server.answer

        def ended(each: Asked) -> Answer:
            if each.path == "/token" and asked:
                return Answer(503)
            return Answer(401) if each.path == "/fhir/Observation" else inner(each)

        server.answer = ended
        manifest = extract(server, tmp_path / "landing", auth=SECRET, limits={"parallel": 1})
    assert not manifest.complete
    assert {(each.type, each.reason) for each in manifest.missing} == {
        ("Observation", "token-http-503"),
        ("Device", "token-http-503"),
    }


@pytest.mark.parametrize("expires_in", [None, 0, -1, 0.001, 1, "soon", 10**12], ids=range(7))
def test_odd_lifetimes_neither_loop_nor_lose_anything(expires_in: Any, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        asked = _hospital_with_tokens(server, expires_in=expires_in)
        assert extract(server, tmp_path / "landing", auth=SECRET).complete
        assert 1 <= len(asked) <= 1 + len(server.asked) // 4
    assert counts(tmp_path / "landing") == COHORT_COUNTS


def test_a_token_goes_with_a_redirect_to_no_other_origin(tmp_path: Path) -> None:
    with ScriptedServer() as server, ScriptedServer() as other:
        other.answer = Hospital(other)
        _hospital_with_tokens(server)
        inner = server.answer

        def moved(asked: Asked) -> Answer:
            if asked.path == "/fhir/Patient":
                query = "&".join(f"{name}={value}" for name, value in asked.parameters)
                return Answer(307, headers={"Location": f"{other.base}/Patient?{query}"})
            return inner(asked)

        server.answer = moved
        assert extract(server, tmp_path / "landing", auth=SECRET, other_origins=[other.origin]).complete
        assert [each.authorization for each in other.asked] == [None]
        assert CANARY not in repr(other.asked)


def test_a_token_request_follows_no_redirect(tmp_path: Path) -> None:
    with ScriptedServer() as server, ScriptedServer() as other:
        _hospital_with_tokens(server, Answer(307, headers={"Location": f"{other.origin}/token"}))
        with pytest.raises(SourceError, match="redirects, which is not followed"):
            extract(server, tmp_path / "landing", auth=SECRET, other_origins=[other.origin])
        assert other.asked == []


def test_a_token_endpoint_elsewhere_is_named_by_other_origins_or_by_auth_or_not_asked(tmp_path: Path) -> None:
    with ScriptedServer() as server, ScriptedServer() as other:
        _hospital_with_tokens(server)
        inner = server.answer
        elsewhere = json.dumps({"token_endpoint": f"{other.origin}/token"}).encode()
        server.answer = lambda asked: Answer(body=elsewhere) if "/.well-known/" in asked.path else inner(asked)
        other.answer = inner
        with pytest.raises(SourceError, match=f"names a token endpoint on {other.origin}, which the sites file does"):
            extract(server, tmp_path / "1", auth=SECRET)
        assert other.asked == []
        assert extract(server, tmp_path / "2", auth=SECRET, other_origins=[other.origin]).complete
        server.asked.clear()
        assert extract(server, tmp_path / "3", auth={**SECRET, "token_endpoint": f"{other.origin}/token"}).complete
        assert not any("/.well-known/" in each.path for each in server.asked)
        assert {each.path for each in other.asked} == {"/token"}


def test_a_bearer_place_with_a_line_break_in_its_token_is_exit_3_without_a_request() -> None:
    with ScriptedServer() as server:
        transport = Transport(Origins(server.base), BearerAuthorisation(lambda: f"{CANARY}\nx"), sleep=lambda _: None)
        with pytest.raises(SourceError, match="holds a space, a line break") as caught:
            transport.ask(Request(server.base), bundle_judge)
        assert server.asked == []
    assert CANARY not in str(caught.value)

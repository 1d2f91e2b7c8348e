"""Retry, pace and time-outs against a scripted server. Oracle: fhir.md section 3, RFC 9110 10.2.3."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from flows.client.faults import GoneFault, RefusedFault, RequestFault, TransientFault
from flows.client.fhir import FhirClient
from flows.client.origins import Origins
from flows.client.paging import bundle_judge
from flows.client.retry import RetryRules, retry_after_seconds
from flows.client.transport import Request, Transport
from mappings.errors import SourceError
from tests.unit.client.scripted_server import CAPABILITY, HTML, OUTCOME, Answer, ScriptedServer, bundle, in_turn

NOW = datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC)


class Waits(list[float]):
    """Stands for sleep: notes how long, waits never."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def transport(base: str, waits: Waits, said: list[str] | None = None, **more: object) -> Transport:
    return Transport(
        Origins(base),
        sleep=waits,
        now=lambda: NOW,
        say=(said if said is not None else []).append,
        **more,  # type: ignore[arg-type]
    )


def ask(server: ScriptedServer, waits: Waits, said: list[str] | None = None, **more: object) -> object:
    with_transport = transport(server.base, waits, said, **more)
    try:
        return with_transport.ask(Request(f"{server.base}/Observation"), bundle_judge)
    finally:
        with_transport.close()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_transient_status_then_ok_is_asked_again(status: int) -> None:
    waits = Waits()
    with ScriptedServer(in_turn(Answer(status), Answer(status), bundle())) as server:
        ask(server, waits)
        assert len(server.asked) == 3
    assert len(waits) == 2
    assert 0 < waits[0] <= 1.0
    assert waits[1] > waits[0] / 2


def test_waits_have_jitter() -> None:
    """Of many clients that met one fault no two come back together; the chance of twenty equal draws is nil."""
    first = set()
    for _ in range(20):
        waits = Waits()
        with ScriptedServer(in_turn(Answer(503), bundle())) as server:
            ask(server, waits)
        first.update(waits)
    assert len(first) > 1
    assert all(0.5 <= wait <= 1.0 for wait in first)


@pytest.mark.parametrize("status", [400, 405, 406, 409, 412, 422])
def test_other_4xx_is_not_asked_again(status: int) -> None:
    waits = Waits()
    with ScriptedServer(in_turn(Answer(status), bundle())) as server:
        with pytest.raises(RefusedFault) as caught:
            ask(server, waits)
        assert (len(server.asked), waits, caught.value.reason) == (1, [], f"http-{status}")


@pytest.mark.parametrize("status", [404, 410])
def test_gone_is_not_asked_again(status: int) -> None:
    with ScriptedServer(in_turn(Answer(status), bundle())) as server, pytest.raises(GoneFault):
        ask(server, Waits())


def test_429_with_retry_after_in_seconds() -> None:
    waits = Waits()
    with ScriptedServer(in_turn(Answer(429, headers={"Retry-After": "7"}), bundle())) as server:
        ask(server, waits)
    assert waits == [7.0]


def test_429_with_retry_after_as_http_date() -> None:
    waits = Waits()
    date = "Fri, 01 Mar 2024 12:00:45 GMT"
    with ScriptedServer(in_turn(Answer(429, headers={"Retry-After": date}), bundle())) as server:
        ask(server, waits)
    assert waits == [45.0]


def test_503_with_x_ms_retry_after_ms() -> None:
    waits = Waits()
    headers = {"x-ms-retry-after-ms": "1500", "Retry-After": "9"}
    with ScriptedServer(in_turn(Answer(503, headers=headers), bundle())) as server:
        ask(server, waits)
    assert waits == [1.5]


def test_absurd_retry_after_is_capped_and_said() -> None:
    waits, said = Waits(), list[str]()
    with ScriptedServer(in_turn(Answer(503, headers={"Retry-After": "86400"}), bundle())) as server:
        ask(server, waits, said)
    assert waits == [600.0]
    assert said == ["the server asked to wait 86400 s; waiting 600 s, as the settings allow"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "Fri, 01 Mar 2024 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "Friday, 01-Mar-24 12:01:00 GMT"}, 60.0),
        ({"Retry-After": "Fri, 01 Mar 2024 12:00:10 -0000"}, 10.0),
        ({"x-ms-retry-after-ms": "x", "Retry-After": "2"}, 2.0),
    ],
)
def test_retry_after_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == seconds


UNUSABLE = {
    "html": HTML,
    "text": Answer(body=b"upstream connect error"),
    "empty": Answer(body=b""),
    "truncated body": Answer(body=b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Obs'),
    "body shorter than its length": Answer(body=b'{"resourceType":"Bundle"', cut=True),
    "dropped connection": Answer(drop=True),
    "operation-outcome instead of Bundle": OUTCOME,
    "truncated gzip": Answer(body=b"\x1f\x8b\x08\x00\x00\x00", headers={"Content-Encoding": "gzip"}),
    "not gzip at all": Answer(body=b"plain", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_200_then_ok_is_asked_again_four_times(name: str) -> None:
    waits = Waits()
    with ScriptedServer(in_turn(*[UNUSABLE[name]] * 4, bundle(total=3))) as server:
        page, _ = ask(server, waits)  # type: ignore[misc]
        assert (page.total, len(server.asked), len(waits)) == (3, 5, 4)


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_200_for_ever_is_an_error(name: str) -> None:
    with ScriptedServer(in_turn(UNUSABLE[name])) as server:
        with pytest.raises(TransientFault):
            ask(server, Waits())
        assert len(server.asked) == 6


def test_server_that_only_fails_is_given_up() -> None:
    waits = Waits()
    with ScriptedServer(in_turn(Answer(500))) as server:
        shared = transport(server.base, waits, rules=RetryRules(attempts=2, give_up_after=2))
        for _ in range(2):
            with pytest.raises(TransientFault):
                shared.ask(Request(server.base), bundle_judge)
        with pytest.raises(RequestFault, match="server-given-up"):
            shared.ask(Request(server.base), bundle_judge)
        assert len(server.asked) == 4
        shared.close()


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def client(base: str, waits: Waits) -> FhirClient:
    return FhirClient(base, transport(base, waits))


def test_unreachable_server_is_a_source_error() -> None:
    waits = Waits()
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        client(f"http://127.0.0.1:{closed_port()}/fhir", waits).open()
    assert len(waits) == 2
    assert caught.value.__cause__ is None


def test_nothing_but_html_is_a_source_error() -> None:
    with ScriptedServer(in_turn(HTML)) as server, pytest.raises(SourceError, match="HTML pages only"):
        client(server.base, Waits()).open()


@pytest.mark.parametrize("status", [401, 403])
def test_401_is_a_source_error(status: int) -> None:
    with ScriptedServer(in_turn(Answer(status))) as server:
        with pytest.raises(SourceError, match=str(status)):
            client(server.base, Waits()).open()
        assert len(server.asked) == 1


def test_capability_is_read_and_another_fhir_version_refused() -> None:
    r5 = Answer(body=CAPABILITY.body.replace(b"4.0.1", b"5.0.0"))
    with ScriptedServer(in_turn(CAPABILITY, r5)) as server:
        assert client(server.base, Waits()).open().software == "Scripted"
        with pytest.raises(SourceError, match=r"FHIR 5\.0\.0"):
            client(server.base, Waits()).open()


def test_server_without_capability_statement_is_not_refused() -> None:
    with ScriptedServer(in_turn(Answer(404))) as server:
        assert client(server.base, Waits()).open().fhir_version == ""

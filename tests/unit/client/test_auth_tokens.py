"""When a token is asked for, kept and thrown away. Oracle: issue 5, point 3 (renewed before and during a run, also
across threads; no loop), counted at an endpoint that runs in this process, by clocks the test sets."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import orjson
import pytest

from flows.client.auth import BearerAuthorisation, KeptAuthorisation
from flows.client.auth.clients import Proof
from flows.client.auth.sender import Answer, Sender
from flows.client.auth.tokens import TokenAuthorisation
from flows.client.faults import TransientFault
from flows.client.origins import Origins
from mappings.errors import SourceError

ENDPOINT = "https://auth.example/token"


class Endpoint(Sender):
    """Numbers its tokens; ``answers`` are given first. ``proofs`` are the times the proofs were made for."""

    def __init__(self, lifetime: object = 300, answers: Sequence[Answer | TransientFault] = ()) -> None:
        super().__init__(Origins("https://hospital.example/fhir"))
        self.lifetime, self.answers, self.asked = lifetime, list(answers), 0
        self.forms: list[dict[str, str]] = []

    def post(self, url: str, form: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> Answer:
        self.asked += 1
        self.forms.append(dict(form))
        if self.answers:
            first = self.answers.pop(0)
            if isinstance(first, TransientFault):
                raise first
            return first
        said = {"access_token": f"t{self.asked}", "token_type": "bearer", "expires_in": self.lifetime}
        return Answer(200, url, {}, orjson.dumps(said))


class Timed:
    """A client whose proof is the time it was asked for."""

    timed = True

    def proof(self, endpoint: str, now: float) -> Proof:
        return Proof((("now", f"{now:.0f}"),))


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def made(
    endpoint: Endpoint,
    clock: Callable[[], float] | None = None,
    wall: Callable[[], float] = lambda: 0.0,
    scopes: Sequence[str] = (),
) -> TokenAuthorisation:
    return TokenAuthorisation(
        Timed(), lambda: ENDPOINT, endpoint, scopes, clock=clock or Clock(), wall=wall, say=SAID.append
    )


SAID: list[str] = []


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    SAID.clear()


@pytest.mark.parametrize(
    ("lifetime", "kept"), [(300, 270), (3600, 3570), (60, 45), (8, 6), (1, 5), (0, 270), (None, 270)]
)
def test_a_token_is_renewed_before_it_ends_and_not_sooner(lifetime: int | None, kept: float) -> None:
    endpoint, clock = Endpoint(lifetime), Clock()
    tokens = made(endpoint, clock)
    assert tokens.header() == "Bearer t1"
    clock.at += kept - 0.01
    assert tokens.header() == "Bearer t1"
    clock.at += 0.01
    assert [tokens.header(), tokens.header()] == ["Bearer t2", "Bearer t2"]
    assert endpoint.asked == 2


def test_an_absurdly_short_life_is_one_request_for_each_header_at_most_and_is_said_once() -> None:
    endpoint, clock = Endpoint(0.001), Clock()
    tokens = made(endpoint, clock)
    for _ in range(50):
        tokens.header()
        clock.at += 1
    assert endpoint.asked == 10
    assert SAID == ["the token endpoint gives tokens that end within seconds: they are renewed when refused"]


def test_a_missing_lifetime_is_said_once() -> None:
    endpoint, clock = Endpoint(None), Clock()
    tokens = made(endpoint, clock)
    for _ in range(3):
        tokens.header()
        clock.at += 300
    assert SAID == ["the token endpoint does not say how long tokens live: taken for 300 s"]


def test_one_renewal_for_one_401_however_many_threads_met_it() -> None:
    endpoint = Endpoint()
    tokens = made(endpoint)
    everybody = threading.Barrier(8)

    def worker(_: int) -> tuple[str | None, str | None]:
        before = tokens.header()
        everybody.wait(30)  # all hold the first token; now all are refused
        assert tokens.renew()
        after = tokens.header()
        everybody.wait(30)
        assert tokens.renew() is True  # a second 401, of the second token, for all of them
        return before, after

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(worker, range(8))) == {("Bearer t1", "Bearer t2")}
    assert tokens.header() == "Bearer t3"
    assert endpoint.asked == 3


def test_a_thread_refused_with_an_old_token_does_not_throw_the_new_one_away() -> None:
    endpoint, clock = Endpoint(), Clock()
    tokens = made(endpoint, clock)
    tokens.header()
    with ThreadPoolExecutor(1) as other:
        clock.at += 299
        assert other.submit(tokens.header).result() == "Bearer t2"
    tokens.renew()
    assert tokens.header() == "Bearer t2"
    assert endpoint.asked == 2


def test_a_token_that_has_not_ended_outlives_an_endpoint_that_stumbles() -> None:
    endpoint, clock = Endpoint(), Clock()
    tokens = made(endpoint, clock)
    tokens.header()
    endpoint.answers = [TransientFault("token-http-503"), TransientFault("token-http-503")]
    clock.at += 280
    assert tokens.header() == "Bearer t1"
    assert endpoint.asked == 2
    clock.at += 1
    assert tokens.header() == "Bearer t1"
    assert endpoint.asked == 2  # not asked again at once
    clock.at += 19
    with pytest.raises(TransientFault):
        tokens.header()
    assert tokens.header() == "Bearer t4"


def dated(seconds: float, error: str = "invalid_client", status: int = 400) -> Answer:
    return Answer(status, ENDPOINT, {"Date": formatdate(seconds, usegmt=True)}, orjson.dumps({"error": error}))


@pytest.mark.parametrize("skew", [600, -600, 46, -16])
def test_refused_with_clocks_apart_is_tried_once_more_by_the_servers_time_and_said(skew: int) -> None:
    endpoint = Endpoint(answers=[dated(5000 + skew)])
    clock = Clock()
    tokens = made(endpoint, clock, wall=lambda: 5000.0)
    assert tokens.header() == "Bearer t2"
    assert [form["now"] for form in endpoint.forms] == ["5000", f"{5000 + skew}"]
    where = "ahead of" if skew > 0 else "behind"
    (said,) = SAID
    assert said == f"the clock of the token endpoint is {abs(skew)} s {where} ours: assertions are dated by it"
    clock.at += 300
    tokens.header()
    assert endpoint.forms[2]["now"] == f"{5000 + skew}"  # and from then on
    assert len(SAID) == 1


@pytest.mark.parametrize(
    "first",
    [
        dated(5002),
        Answer(400, ENDPOINT, {}, b'{"error": "invalid_client"}'),
        Answer(400, ENDPOINT, {"Date": "yesterday"}, b'{"error": "invalid_client"}'),
        dated(9000, "invalid_scope"),
    ],
    ids=["clocks agree", "no date", "no readable date", "not about the client"],
)
def test_refused_for_another_reason_is_not_tried_again(first: Answer) -> None:
    endpoint = Endpoint(answers=[first])
    with pytest.raises(SourceError, match="refuses with"):
        made(endpoint, wall=lambda: 5000.0).header()
    assert endpoint.asked == 1


def test_refused_twice_is_refused_whatever_the_clocks_say() -> None:
    endpoint = Endpoint(answers=[dated(9000), dated(20000)])
    with pytest.raises(SourceError, match="invalid_client"):
        made(endpoint, wall=lambda: 5000.0).header()
    assert endpoint.asked == 2


def test_scopes_are_asked_for_and_none_means_no_parameter() -> None:
    with_scopes, without = Endpoint(), Endpoint()
    made(with_scopes, scopes=["system/Patient.read", "system/Device.read"]).header()
    made(without).header()
    assert with_scopes.forms[0]["scope"] == "system/Patient.read system/Device.read"
    assert with_scopes.forms[0]["grant_type"] == without.forms[0]["grant_type"] == "client_credentials"
    assert "scope" not in without.forms[0]


def test_no_refresh_token_is_ever_used() -> None:
    said = {"access_token": "t1", "token_type": "bearer", "expires_in": 10, "refresh_token": "r"}
    endpoint, clock = Endpoint(answers=[Answer(200, ENDPOINT, {}, orjson.dumps(said))]), Clock()
    tokens = made(endpoint, clock)
    tokens.header()
    clock.at += 11
    tokens.header()
    assert {form["grant_type"] for form in endpoint.forms} == {"client_credentials"}


def test_what_holds_a_credential_is_not_pickled() -> None:
    for each in (
        made(Endpoint()),
        BearerAuthorisation(lambda: "t"),
        KeptAuthorisation(BearerAuthorisation(lambda: "t")),
    ):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(each)


def test_a_kept_header_is_looked_up_again_once_when_it_is_refused_in_many_threads() -> None:
    looked: list[int] = []

    def look() -> str:
        looked.append(1)
        return f"t{len(looked)}"

    kept = KeptAuthorisation(BearerAuthorisation(look))
    everybody = threading.Barrier(6)

    def worker(_: int) -> tuple[str | None, str | None]:
        before = kept.header()
        everybody.wait(30)
        assert kept.renew()
        return before, kept.header()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(worker, range(6))) == {("Bearer t1", "Bearer t2")}
    assert len(looked) == 2


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ümlaut", ""])
def test_a_text_that_is_no_token_is_told_before_a_library_can_show_it(token: str) -> None:
    with pytest.raises(SourceError) as caught:
        BearerAuthorisation(lambda: token).header()
    assert not token or token not in str(caught.value)

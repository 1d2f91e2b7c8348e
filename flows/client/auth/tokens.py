"""Access tokens of OAuth 2 (client credentials), SMART Backend Services among them: asked for, kept, renewed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from flows.client.auth.clients import Client, form_of
from flows.client.auth.headers import NotPickled
from flows.client.auth.scopes import not_granted
from flows.client.auth.sender import Answer, Sender
from flows.client.auth.token_answers import TIME_MAY_BE_WHY, Token, error_code, token_in
from flows.client.faults import TransientFault

_UNSAID_LIFETIME = 300.0  # SMART recommends tokens of at most five minutes
_AHEAD = 30.0
_LEAST_KEPT = 5.0  # seconds between two renewals ahead of time, however short a token lives
_SKEW_THAT_MATTERS = 10.0


class TokenAuthorisation(NotPickled):
    """Bearer tokens from a token endpoint. Safe to use from several threads; one of them asks, the others wait.

    ``endpoint`` finds the address at the first request. A token is asked for again shortly before it ends and after a
    401. Every call of `header` sends at most two token requests (the second with the endpoint's own time), so a fault
    comes out as `TransientFault` for the retry rules of whoever asked. There are no refresh tokens.

    ``say`` gets sentences for the log, ``warn`` what belongs into the manifest. ``wall`` is seconds since 1970.
    """

    def __init__(
        self,
        client: Client,
        endpoint: Callable[[], str],
        sender: Sender,
        scopes: Sequence[str] = (),
        *,
        say: Callable[[str], None] = lambda _: None,
        warn: Callable[[dict[str, object]], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._find, self._sender, self._scopes = client, endpoint, sender, tuple(scopes)
        self.say, self._warn, self._wall, self._clock = say, warn, wall, clock
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._endpoint: str | None = None
        self._offset = 0.0  # seconds the endpoint's clock is ahead of ours, once that has mattered
        self._token: str | None = None
        self._due = self._end = 0.0
        self._had_one = False
        self._told: set[str] = set()

    def header(self) -> str | None:
        with self._lock:
            if self._token is None:
                self._fetch()
            elif self._clock() >= self._due:
                self._fetch_ahead()
            self._mine.token = self._token
            return f"Bearer {self._token}"

    def renew(self) -> bool:
        with self._lock:
            # Only the token that was refused is thrown away: another thread may have met the same 401 before.
            if getattr(self._mine, "token", None) == self._token:
                self._token = None
            return True

    def _fetch_ahead(self) -> None:
        """A token that has not ended yet outlives an endpoint that stumbles."""
        try:
            self._fetch()
        except TransientFault:
            now = self._clock()
            if now >= self._end:
                self._token = None
                raise
            self._due = min(self._end, now + _LEAST_KEPT)

    def _fetch(self) -> None:
        if self._endpoint is None:
            self._endpoint = self._find()
        asked = self._clock()
        token = token_in(self._ask(self._endpoint), datetime.now(UTC), had_one=self._had_one)
        lifetime = token.lifetime or _UNSAID_LIFETIME
        self._end = asked + lifetime
        self._due = asked + max(_LEAST_KEPT, lifetime - min(_AHEAD, lifetime / 4))
        self._token, self._had_one = token.value, True
        self._compare(token)

    def _ask(self, endpoint: str) -> Answer:
        answer = self._post(endpoint)
        if self._client.timed and error_code(answer) in TIME_MAY_BE_WHY and self._set_clock(answer):
            return self._post(endpoint)
        return answer

    def _post(self, endpoint: str) -> Answer:
        proof = self._client.proof(endpoint, self._wall() + self._offset)
        return self._sender.post(endpoint, form_of(proof, self._scopes), dict(proof.headers))

    def _set_clock(self, answer: Answer) -> bool:
        """Whether the endpoint's clock is so far from what we took it for that this may be why it refuses."""
        try:
            at = parsedate_to_datetime(answer.headers.get("Date", ""))
        except (ValueError, TypeError):
            return False
        ahead = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - self._wall()
        if abs(ahead - self._offset) < _SKEW_THAT_MATTERS:
            return False
        self._offset = ahead
        self.say(
            f"the clock of the token endpoint is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours: "
            "assertions are dated by it"
        )
        return True

    def _compare(self, token: Token) -> None:
        if token.lifetime is None:
            self._once(f"the token endpoint does not say how long tokens live: taken for {_UNSAID_LIFETIME:.0f} s")
        elif token.lifetime < _LEAST_KEPT:
            self._once("the token endpoint gives tokens that end within seconds: they are renewed when refused")
        lacking = [] if token.scopes is None else list(not_granted(self._scopes, token.scopes))
        if lacking and self._once(f"scopes asked for and not granted: {', '.join(lacking)}"):
            self._warn({"code": "scopes-not-granted", "scopes": lacking})

    def _once(self, sentence: str) -> bool:
        if sentence in self._told:
            return False
        self._told.add(sentence)
        self.say(sentence)
        return True

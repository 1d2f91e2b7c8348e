"""A loopback HTTP server that answers what a test says, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Answer:
    """One answer. ``drop``: hang up without one; ``cut``: promise ``lacking`` more bytes than are sent."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False
    lacking: int = 50


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    form: tuple[tuple[str, str], ...]
    body: str = ""
    with_certificate: bool = False

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


Route = Callable[[Asked], Answer]


class ScriptedServer:
    """``answer`` gets every request; ``asked`` lists them. Use as a context manager. ``tls`` makes it speak https."""

    def __init__(self, answer: Route | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Route = answer or (lambda _: Answer(404))
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                parts = urlsplit(self.path)
                asked = Asked(
                    self.command,
                    parts.path,
                    tuple(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    tuple(parse_qsl(body, keep_blank_values=True)),
                    body,
                    tls is not None and bool(self.connection.getpeercert()),
                )
                outer.asked.append(asked)
                self.reply(outer.answer(asked))

            do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

            def reply(self, answer: Answer) -> None:
                if answer.drop:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + (answer.lacking if answer.cut else 0)))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.cut:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.origin = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_port}"
        self.base = f"{self.origin}/fhir"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def in_turn(*answers: Answer) -> Route:
    """Give the answers one after the other; the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def bundle(
    resources: Iterable[dict[str, Any]] = (),
    next_link: str | None = None,
    *,
    self_link: str | None = None,
    total: int | None = None,
    mode: str | None = "match",
) -> Answer:
    """A searchset Bundle."""
    links = [{"relation": r, "url": u} for r, u in (("self", self_link), ("next", next_link)) if u is not None]
    search = {} if mode is None else {"search": {"mode": mode}}
    said: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if total is not None:
        said["total"] = total
    said["entry"] = [{"resource": r, **search} for r in resources]
    return Answer(body=json.dumps(said).encode(), headers={"Content-Type": "application/fhir+json"})


def observation(id_: str, version: str = "1", subject: str = "Patient/p1") -> dict[str, Any]:
    """A small resource."""
    return {
        "resourceType": "Observation",
        "id": id_,
        "meta": {"versionId": version},
        "subject": {"reference": subject},
    }


CAPABILITY = Answer(
    body=json.dumps(
        {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "software": {"name": "Scripted", "version": "1", "releaseDate": "2024-01-01"},
        }
    ).encode()
)
HTML = Answer(body=b"<!DOCTYPE html><html><body>Please log in</body></html>", headers={"Content-Type": "text/html"})
OUTCOME = Answer(body=b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"transient"}]}')

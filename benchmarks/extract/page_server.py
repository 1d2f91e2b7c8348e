"""A server that does next to nothing: pages made beforehand, kept in memory, sent as they lie there.

    python -m benchmarks.extract.page_server FOLDER [--page-size 500] [--endless BYTES]

Prints its FHIR base. Beside ``<Type>`` and ``<Type>?patient=``, whose pages follow each other by ``next``, it answers
``metadata`` and two addresses outside the base: ``/counts`` (requests and bytes since the last time) and
``/faults?at=N`` (the Nth, 2Nth and 3Nth page from now on is a 429, a 503 and an HTML page with status 200, once each).

``--endless`` serves so many bytes of each type from one page of the sample, with other ids on every page.
"""

from __future__ import annotations

import argparse
import json
import socketserver
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.extract.data import TYPES, id_of, lines, patient_of

Pages = dict[str, list[bytes]]
_HTML = b"<html><body>Please log in again</body></html>"
_BUSY = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"throttled"}]}'
_STATUS = {200: b"200 OK", 404: b"404 Not Found", 429: b"429 Too Many Requests", 503: b"503 Service Unavailable"}


class PageServer(socketserver.ThreadingTCPServer):
    """Sends pages by address. A thread a connection: sending is the kernel's work and holds no lock."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, page_size: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.base = f"http://127.0.0.1:{self.server_address[1]}/fhir"
        self.page_size = page_size
        self.pages: Pages = {}
        self.endless: dict[str, Endless] = {}
        self._lock = threading.Lock()
        self._requests = self._bytes = self._data_requests = 0
        self._faults: dict[int, tuple[int, bytes]] = {}

    def prepare(self, folder: Path) -> None:
        """Make every page of every type, whole and by patient."""
        for type_ in TYPES:
            held = list(lines(folder, type_))
            self.pages[type_] = self._pages(type_, held)
            if type_ == "Patient":
                self.pages |= {f"Patient/{id_of(line)}": self._pages(type_, [line]) for line in held}
                continue
            of: dict[str, list[bytes]] = {}
            for line in held:
                of.setdefault(patient_of(line), []).append(line)
            for patient, some in of.items():
                self.pages[f"{type_}/{patient}"] = self._pages(f"{type_}/{patient}", some)

    def prepare_endless(self, folder: Path, size: int) -> None:
        """Serve ``size`` bytes of each type without keeping them."""
        for type_ in TYPES:
            held = [line for line, _ in zip(lines(folder, type_), range(self.page_size), strict=False)]
            self.endless[type_] = Endless(self.base, type_, held, size)

    def _pages(self, name: str, held: list[bytes]) -> list[bytes]:
        type_ = name.split("/", maxsplit=1)[0]
        many = range(0, max(1, len(held)), self.page_size)
        made = []
        for number, start in enumerate(many):
            entries = (entry(self.base, type_, id_of(line), line) for line in held[start : start + self.page_size])
            following = f"{self.base}/page/{name}/{number + 1}" if number + 1 < len(many) else None
            made.append(bundle(f"{self.base}/{type_}", len(held), following, entries))
        return made

    def answer(self, target: str) -> tuple[int, bytes]:
        """Status and body for an address."""
        parts = urlsplit(target)
        path = parts.path.strip("/").split("/")
        if path[0] != "fhir":
            return 200, self._told(path[0], parse_qs(parts.query))
        if path[1:] == ["metadata"]:
            return 200, json.dumps(
                {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": _rest()}
            ).encode()
        with self._lock:
            self._data_requests += 1
            fault = self._faults.pop(self._data_requests, None)
        if fault is not None:
            return fault
        if path[1] == "page":
            name, number = "/".join(path[2:-1]), int(path[-1])
        else:
            asked = parse_qs(parts.query)
            one = (asked.get("patient") or asked.get("_id") or [""])[0].removeprefix("Patient/")
            name, number = path[1] + (f"/{one}" if one else ""), 0
        if name in self.endless:
            return 200, self.endless[name].page(number)
        pages = self.pages.get(name)
        if pages is None and path[1] in TYPES:  # a patient without any
            return 200, bundle(f"{self.base}/{path[1]}", 0, None, ())
        return (200, pages[number]) if pages and number < len(pages) else (404, b"{}")

    def count(self, sent: int) -> None:
        """Note one answered request."""
        with self._lock:
            self._requests += 1
            self._bytes += sent

    def _told(self, name: str, asked: dict[str, list[str]]) -> bytes:
        with self._lock:
            if name == "faults":
                at = int(asked["at"][0])
                self._data_requests = 0
                self._faults = {at: (429, _BUSY), 2 * at: (503, _BUSY), 3 * at: (200, _HTML)}
            told = {"requests": self._requests, "bytes": self._bytes, "faults_left": len(self._faults)}
            self._requests = self._bytes = 0
        return json.dumps(told).encode()


class Endless:
    """One type in as many pages as it takes; a page is the same text between other ids."""

    def __init__(self, base: str, type_: str, held: list[bytes], size: int) -> None:
        self._base, self._type = base, type_
        self._parts: list[bytes] = []
        for line in held:
            before, after = line.split(id_of(line).encode(), maxsplit=1)
            self._parts += [b'{"resource":' + before, after + b',"search":{"mode":"match"}},']
        self._parts[-1] = self._parts[-1].removesuffix(b",")
        self.resources = len(held)
        self._size = sum(map(len, self._parts)) + 36 * len(held)
        self.count = max(1, size // self._size)

    def page(self, number: int) -> bytes:
        """The page of a number from 0."""
        first = number * self.resources
        made: list[bytes] = []
        for i in range(self.resources):
            made += (self._parts[2 * i], b"%036d" % (first + i), self._parts[2 * i + 1])
        following = f"{self._base}/page/{self._type}/{number + 1}" if number + 1 < self.count else None
        total = self.count * self.resources
        return bundle(f"{self._base}/{self._type}", total, following, [b"".join(made)])


class _Connection(socketserver.StreamRequestHandler):
    server: PageServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while line := self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            target = line.split()[1].decode("latin-1")
            status, body = self.server.answer(target)
            kind = b"text/html" if body is _HTML else b"application/fhir+json"
            again = b"Retry-After: 1\r\n" if status in (429, 503) else b""
            head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n"
            self.connection.sendall(head % (_STATUS[status], kind, again, len(body)))
            self.connection.sendall(body)
            if target.startswith("/fhir"):
                self.server.count(len(body))


def entry(base: str, type_: str, id_: str, text: bytes) -> bytes:
    """One entry of a page."""
    return b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"match"}}' % (
        base.encode(),
        type_.encode(),
        id_.encode(),
        text,
    )


def bundle(own: str, total: int, following: str | None, entries: Iterable[bytes]) -> bytes:
    """One page; what holds the links comes before the entries, as servers write it."""
    links = [{"relation": "self", "url": f"{own}?_total=accurate"}]
    links += [{"relation": "next", "url": following}] if following else []
    head = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"entry":[' + b",".join(entries) + b"]}"


def _rest() -> list[dict[str, Any]]:
    search = [{"name": "patient", "type": "reference"}, {"name": "_id", "type": "token"}]
    kinds = [{"type": kind, "interaction": [{"code": "search-type"}], "searchParam": search} for kind in TYPES]
    return [{"mode": "server", "resource": kinds}]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page-size", type=int, default=500)
    parser.add_argument("--endless", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    asked = _arguments()
    with PageServer(asked.page_size) as server:
        if asked.endless:
            server.prepare_endless(asked.folder, asked.endless)
        else:
            server.prepare(asked.folder)
        print(server.base, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

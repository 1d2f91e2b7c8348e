"""One file to disk. Oracle: the bytes the server has; RFC 9110 13.1.5 and 14 for what may be resumed."""

from __future__ import annotations

import gzip
import json
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.client.download import Download, Downloaded, Wanted
from flows.client.faults import GoneFault
from flows.client.origins import Origins
from flows.client.retry import RetryRules
from flows.client.transport import Transport
from tests.unit.client.scripted_server import HTML, Answer, Asked, ScriptedServer

BODY = b"".join(b'{"resourceType":"Observation","id":"o%d"}\n' % n for n in range(40))


@dataclass
class FileServer:
    """One file; each of ``cuts`` ends an answer after so many bytes."""

    body: bytes = BODY
    packed: bool = False
    etag: str = '"a"'
    modified: str = ""
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    chunked: bool = False
    sent: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        body = gzip.compress(self.body, mtime=0) if self.packed else self.body
        headers = {"Content-Encoding": "gzip"} if self.packed else {}
        headers |= {"ETag": self.etag} if self.etag else {}
        headers |= {"Last-Modified": self.modified} if self.modified else {}
        status, start = 200, 0
        if self.ranges and asked.headers.get("if-range", "") in {self.etag, self.modified} - {""}:
            start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(body) else 416
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}" if status == 206 else "bytes */0"
        part = body[start:] if status != 416 else b""
        self.sent.append((status, start))
        if self.cuts and len(part) > (cut := self.cuts.pop(0)):
            return Answer(status, part[:cut], headers, cut=True, lacking=len(part) - cut)
        return Answer(status, part, headers)


def fetch(server: ScriptedServer, folder: Path, **wanted: object) -> Downloaded:
    transport = Transport(Origins(server.base), sleep=lambda _: None, rules=RetryRules())
    try:
        made = Wanted(f"{server.base}/file", True, **wanted)  # type: ignore[arg-type]
        return Download(transport, folder / "Observation.000001").fetch(made)
    finally:
        transport.close()


def content(done: Downloaded) -> bytes:
    raw = done.path.read_bytes()
    return gzip.decompress(raw) if done.path.suffix == ".gz" else raw


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_goes_to_disk_as_sent(tmp_path: Path) -> None:
    for packed, name in ((False, "Observation.000001.ndjson"), (True, "Observation.000001.ndjson.gz")):
        folder = tmp_path / name
        folder.mkdir()
        with ScriptedServer(FileServer(packed=packed)) as server:
            done = fetch(server, folder, count=40)
            asked = server.asked[0].headers
        assert (content(done), done.lines, done.bytes, done.fault) == (BODY, 40, len(BODY), "")
        assert only(folder) == [name]
        assert done.path.stat().st_mode & 0o777 == 0o600
        assert (asked["accept"], asked["accept-encoding"]) == ("application/fhir+ndjson", "gzip")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("server", "resumed"),
    [
        (FileServer(), True),
        (FileServer(etag="", modified="Fri, 01 Mar 2024 12:00:00 GMT"), True),
        (FileServer(etag='W/"a"', modified="Fri, 01 Mar 2024 12:00:00 GMT"), True),
        (FileServer(etag='W/"a"'), False),
        (FileServer(etag=""), False),
        (FileServer(ranges=False), False),
    ],
    ids=["etag", "date", "weak etag and date", "weak etag", "nothing", "no ranges"],
)
def test_a_broken_download_is_resumed_where_the_server_can_say_it_is_the_same(
    server: FileServer, resumed: bool, packed: bool, tmp_path: Path
) -> None:
    server.packed, server.cuts, server.sent = packed, [70, 20], []
    with ScriptedServer(server) as scripted:
        done = fetch(scripted, tmp_path)
    assert (content(done), done.fault) == (BODY, "")
    assert server.sent == ([(200, 0), (206, 70), (206, 90)] if resumed else [(200, 0)] * 3)
    assert len(only(tmp_path)) == 1


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 700), max_size=5),
    packed=st.booleans(),
    etag=st.sampled_from(['"a"', 'W/"a"', ""]),
    ranges=st.booleans(),
)
def test_whatever_is_cut_where_the_file_is_the_servers(cuts: list[int], packed: bool, etag: str, ranges: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with ScriptedServer(FileServer(packed=packed, etag=etag, ranges=ranges, cuts=cuts)) as server:
            done = fetch(server, Path(folder), count=40)
        assert (content(done), done.lines, done.fault) == (BODY, 40, "")


def test_a_file_that_changed_meanwhile_is_begun_again(tmp_path: Path) -> None:
    old = FileServer(cuts=[70])
    new = FileServer(BODY[:500].rsplit(b"\n", 1)[0] + b"\n", etag='"b"')
    with ScriptedServer(lambda asked: (old if not old.sent else new)(asked)) as server:
        done = fetch(server, tmp_path)
    assert (content(done), new.sent) == (new.body, [(200, 0)])


def test_a_range_that_is_another_is_not_glued_on(tmp_path: Path) -> None:
    """Servers have answered 206 with the whole file, or from another byte."""
    whole = FileServer(cuts=[70])
    wrong = [Answer(206, BODY, {"Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"}), Answer(206, BODY[70:], {})]

    def route(asked: Asked) -> Answer:
        return wrong.pop() if "range" in asked.headers and wrong else whole(asked)

    with ScriptedServer(route) as server:
        for _ in range(2):
            whole.cuts = [70]
            assert content(fetch(server, tmp_path)) == BODY
    assert wrong == []


def test_another_process_goes_on_at_the_byte(tmp_path: Path) -> None:
    (tmp_path / "Observation.000001.part").write_bytes(BODY[:100])
    known = {"etag": '"a"', "modified": "", "encoding": "", "total": len(BODY)}
    (tmp_path / "Observation.000001.part.json").write_text(json.dumps(known))
    files = FileServer()
    with ScriptedServer(files) as server:
        assert content(fetch(server, tmp_path)) == BODY
    assert files.sent == [(206, 100)]


def test_a_part_that_was_whole_is_taken(tmp_path: Path) -> None:
    (tmp_path / "Observation.000001.part").write_bytes(BODY)
    known = {"etag": '"a"', "modified": "", "encoding": "", "total": len(BODY)}
    (tmp_path / "Observation.000001.part.json").write_text(json.dumps(known))
    files = FileServer()
    with ScriptedServer(files) as server:
        assert content(fetch(server, tmp_path)) == BODY
    assert files.sent == [(416, len(BODY))]


def test_as_long_as_the_file_grows_tries_do_not_run_out(tmp_path: Path) -> None:
    body = b'{"resourceType":"Observation","note":"%s"}\n' % (b"x" * 1000) * 1500
    files = FileServer(body, cuts=[100_000] * 99)
    with ScriptedServer(files) as server:
        assert content(fetch(server, tmp_path)) == body
    assert len(files.sent) == len(body) // 100_000 + 1 > RetryRules().attempts


def test_what_never_ends_leaves_whole_lines_and_a_reason(tmp_path: Path) -> None:
    for packed in (False, True):
        with ScriptedServer(FileServer(packed=packed, cuts=[100] + [0] * 99)) as server:
            done = fetch(server, tmp_path)
        assert (done.fault, done.path.suffix) == ("dropped", ".ndjson")
        came = zlib.decompressobj(31).decompress(gzip.compress(BODY, mtime=0)[:100]) if packed else BODY[:100]
        assert content(done) == came[: came.rindex(b"\n") + 1]
        assert done.lines == content(done).count(b"\n")
        assert only(tmp_path) == ["Observation.000001.ndjson"]


TORN = BODY + b'{"resourceType":"Obs'


@pytest.mark.parametrize(
    ("answer", "count", "fault", "kept"),
    [
        (Answer(body=TORN), None, "truncated", TORN),
        (Answer(body=BODY), 41, "fewer-than-count", BODY),
        (Answer(body=b""), 3, "fewer-than-count", b""),
        (HTML, None, "html", b""),
        (Answer(body=b'{"resourceType":"OperationOutcome","issue":[]}'), None, "operation-outcome", b""),
        (Answer(400), None, "http-400", b""),
        (Answer(200, BODY, {"Content-Encoding": "br"}), None, "content-encoding", b""),
    ],
    ids=["torn", "fewer", "empty", "html", "outcome", "400", "encoding"],
)
def test_what_is_not_the_file_is_named(
    answer: Answer, count: int | None, fault: str, kept: bytes, tmp_path: Path
) -> None:
    with ScriptedServer(lambda _: answer) as server:
        done = fetch(server, tmp_path, count=count)
        # The same bytes twice are what the server has; a page in their place may go away.
        assert len(server.asked) == {
            "html": 6,
            "operation-outcome": 6,
            "http-400": 1,
            "content-encoding": 1,
        }.get(fault, 2)
    assert (done.fault, content(done)) == (fault, kept)


def test_a_gzip_that_ends_too_early_is_fetched_again_and_then_named(tmp_path: Path) -> None:
    broken = Answer(200, gzip.compress(BODY, mtime=0)[:-20], {"Content-Encoding": "gzip"})
    with ScriptedServer(lambda _: broken) as server:
        done = fetch(server, tmp_path)
        assert len(server.asked) == 6
    assert done.fault == "truncated"
    assert BODY.startswith(content(done))
    with ScriptedServer() as server:
        answers = [broken, Answer(200, gzip.compress(BODY, mtime=0), {"Content-Encoding": "gzip"})]
        server.answer = lambda _: answers.pop(0)
        done = fetch(server, tmp_path)
    assert (content(done), done.fault) == (BODY, "")


def test_an_error_for_a_time_in_the_files_place_goes_away(tmp_path: Path) -> None:
    answers = [
        HTML,
        Answer(503, headers={"Retry-After": "1"}),
        Answer(drop=True),
        Answer(body=BODY[:-5]),
        Answer(body=BODY),
    ]
    with ScriptedServer(lambda _: answers.pop(0)) as server:
        done = fetch(server, tmp_path, count=40)
    assert (content(done), done.fault) == (BODY, "")


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_is_gone_is_said_and_what_has_come_stays(status: int, tmp_path: Path) -> None:
    files = FileServer(cuts=[70])
    with ScriptedServer(lambda asked: files(asked) if not files.sent else Answer(status)) as server:
        with pytest.raises(GoneFault):
            fetch(server, tmp_path)
        assert (tmp_path / "Observation.000001.part").read_bytes() == BODY[:70]
        server.answer = files
        assert content(fetch(server, tmp_path)) == BODY
    assert files.sent == [(200, 0), (206, 70)]


def test_a_stop_ends_the_download(tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with ScriptedServer(FileServer()) as server:
        transport = Transport(Origins(server.base), sleep=lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            Download(transport, tmp_path / "x", stop).fetch(Wanted(f"{server.base}/file", True))
        transport.close()


def test_a_large_body_comes_in_pieces(tmp_path: Path) -> None:
    body = b'{"resourceType":"Observation"}\n' * 100_000
    calls: list[int] = []
    check: Callable[[], None] = lambda: calls.append(1)  # noqa: E731
    with ScriptedServer(FileServer(body)) as server:
        transport = Transport(Origins(server.base), sleep=lambda _: None)
        done = Download(transport, tmp_path / "x", check).fetch(Wanted(f"{server.base}/file", True))
        transport.close()
    assert (done.lines, len(calls) >= len(body) // (1 << 18)) == (100_000, True)

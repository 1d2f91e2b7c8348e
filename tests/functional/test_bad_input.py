"""What bad input gets, through the command line. Oracle: the section of this name of issue 3 (exit codes, what goes on
and what does not) and what each test itself spoiled in a copy of the sample study."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from flows.sample import write_sample
from flows.sandbox.access import Access
from flows.sandbox.server import Limits, serve
from tests.functional.conftest import STUDY, Resource, Said, command, edited_copy, only_run, run_study

SMALL = Limits(page_size=100, max_page_size=100)
TACE = "441525007"
# Body of a page in, body to send out and status; the request's resource type, and whether it is a later page.
Fault = Callable[[dict[str, Any], str], tuple[int, bytes] | None]


def of_patient(patient: str, resource: Resource) -> bool:
    said = resource.get("subject") or resource.get("patient") or {}
    return said.get("reference") == f"Patient/{patient}" or resource["id"] == patient


def ledger(run: RunFolder) -> dict[str, Any]:
    return dict(json.loads(run.ledger.read_bytes()))


def results(run: RunFolder) -> pd.DataFrame:
    return pd.read_csv(run.results / "results.csv", dtype={"warning": "object"}, keep_default_na=False)


def flow(run: RunFolder) -> dict[str, float]:
    rows = results(run)
    rows = rows[(rows["parameter"] == "flow") & (rows["group"] == "total")]
    return {name: float(value) for name, value in zip(rows["variable"], rows["value"], strict=True)}


def adsl(run: RunFolder) -> pd.DataFrame:
    return pd.read_parquet(run.analysis / "adsl.parquet")


def nothing_analysed(run: RunFolder) -> bool:
    return not run.results.exists() and not run.report.exists()


def faulty(fault: Fault) -> Any:
    """An ASGI layer: each answer to a GET is held back whole, and what ``fault`` says is sent in its place."""

    def wrap(app: Any) -> Any:
        async def layer(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started: dict[str, Any] = {}
            body = bytearray()

            async def hold(message: Any) -> None:
                if message["type"] == "http.response.start":
                    started.update(message)
                else:
                    body.extend(message.get("body", b""))

            await app(scope, receive, hold)
            try:
                page = json.loads(bytes(body))
            except ValueError:
                page = {}
            address = scope["path"] + "?" + scope["query_string"].decode()
            changed = fault(page, address)
            if changed is not None:
                started["status"], body[:] = changed
            headers = [pair for pair in started["headers"] if pair[0].lower() != b"content-length"]
            started["headers"] = [*headers, (b"content-length", str(len(body)).encode())]
            await send(started)
            await send({"type": "http.response.body", "body": bytes(body)})

        return layer

    return wrap


def types_of(page: dict[str, Any]) -> set[str]:
    return {entry["resource"]["resourceType"] for entry in page.get("entry", []) if "resource" in entry}


def is_page(page: dict[str, Any], type_: str) -> bool:
    return page.get("resourceType") == "Bundle" and type_ in types_of(page)


def is_later_page(page: dict[str, Any], type_: str) -> bool:
    return is_page(page, type_) and any(link["relation"] in ("previous", "prev") for link in page.get("link", []))


def with_next(page: dict[str, Any], url: str) -> tuple[int, bytes]:
    links = [link for link in page.get("link", []) if link["relation"] != "next"]
    return 200, json.dumps({**page, "link": [*links, {"relation": "next", "url": url}]}).encode()


# --- the source ------------------------------------------------------------------------------------------------------


def test_server_unreachable_is_3(tmp_path: Path, no_waits: None) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        said = run_study(tmp_path, "--source", f"http://127.0.0.1:{unused.getsockname()[1]}/fhir")
    assert said.code == 3, said.err
    assert "cannot be reached" in said.err or "unreachable" in said.err
    assert nothing_analysed(only_run(tmp_path))


def test_401_is_3(sample: Path, tmp_path: Path, no_waits: None) -> None:
    with serve(sample, access=Access.bearer("s3cret")) as base:
        said = run_study(tmp_path, "--source", base)
    assert said.code == 3, said.err
    assert "401" in said.err
    assert nothing_analysed(only_run(tmp_path))


def test_nothing_but_html_is_3(sample: Path, tmp_path: Path, no_waits: None) -> None:
    with serve(sample, wrap=faulty(lambda page, address: (200, b"<html>Log in</html>"))) as base:
        said = run_study(tmp_path, "--source", base)
    assert said.code == 3, said.err
    assert "HTML" in said.err
    assert nothing_analysed(only_run(tmp_path))

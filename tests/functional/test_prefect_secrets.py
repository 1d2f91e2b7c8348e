"""Secrets kept in Prefect blocks. Oracle: what was saved there by Prefect itself, in a home nobody has used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.fixtures.processes import environment

# A fresh home is a database to make; on a loaded machine that takes two minutes.
pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.timeout(600)]

CANARY = "canary-5ecret"
INSIDE = """
import asyncio, json, sys
from pathlib import Path
from prefect.blocks.system import Secret as Block
from flows.landing.connect import connect
from flows.sandbox.access import Access
from flows.sandbox.server import serve
from flows.secret_places import Secret
from flows.sites import Site
from mappings.errors import SourceError

folder, canary = Path(sys.argv[1]), sys.argv[2]
Block(value=canary).save("word")
Block(value="0012").save("digits")
Block(value={"kty": "EC", "d": canary}).save("key")
said = {name: Secret(f"prefect:secret/{name}").resolve() for name in ("word", "digits", "key")}

async def within():
    return Secret("prefect:secret/word").resolve()

said["in a loop"] = asyncio.run(within())
try:
    Secret("prefect:secret/none").resolve()
except SourceError as error:
    said["none"] = str(error)

load, loads = Block.load, []
def counted(*given, **named):
    loads.append(1)
    return load(*given, **named)
Block.load = counted
(folder / "Patient.ndjson").write_text('{"resourceType":"Patient","id":"p"}\\n')
with serve(folder, access=Access.bearer(canary)) as base:
    client = connect(Site(id="n", base=base, auth={"kind": "bearer", "token": "prefect:secret/word"}))
    client.open()
    said["resources"] = sum(len(page.page.entries) for _ in range(3) for page in client.search("Patient", ()))
    client.close()
said["loads"] = len(loads)
print(json.dumps(said))
"""
UNREACHABLE = """
from flows.secret_places import Secret
from mappings.errors import SourceError
try:
    Secret("prefect:secret/word").resolve()
except SourceError as error:
    print(error)
"""


def python(text: str, *arguments: object, home: Path, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        env=environment(home, PYTHONPATH=str(REPOSITORY), **more),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_secret_block_is_read_as_it_was_saved_and_once_for_many_requests(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    said = json.loads(python(INSIDE, data, CANARY, home=tmp_path / "home"))
    assert (said["word"], said["digits"], said["in a loop"]) == (CANARY, "0012", CANARY)
    assert json.loads(said["key"]) == {"kty": "EC", "d": CANARY}
    assert said["none"] == "no secret is found where the sites file says it is kept (prefect:secret/none)"
    assert (said["resources"], said["loads"]) == (3, 1)


def test_a_prefect_server_that_cannot_be_asked_is_a_clear_sentence(tmp_path: Path) -> None:
    # Nobody listens on port 1.
    out = python(
        UNREACHABLE, home=tmp_path / "home", PREFECT_API_URL="http://127.0.0.1:1/api", PREFECT_CLIENT_MAX_RETRIES="0"
    )
    assert out.strip() == "Prefect cannot be asked for the block that the sites file names (prefect:secret/word)"

"""`bedside extract` and `bedside sandbox` with SMART Backend Services, as a person calls them. Oracle: the sample
study's own folder, extracted without any credential; exit codes of docs/command-line.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.landing.connect import connect
from flows.run_folder import RunFolder
from flows.sandbox.server import serve
from flows.sandbox.tokens import RegisteredClient, TokenAccess
from flows.sites import Site
from tests.fixtures.processes import running, wait_until
from tests.fixtures.token_ward import KEYS
from tests.functional.conftest import STUDY, command, only_run

KEY = KEYS["RS384"]


def sites_file(folder: Path, base: str, client_id: str = "bedside") -> Path:
    (folder / "north.jwk").write_text(json.dumps(KEY.as_dict(private=True)))
    file = folder / "sites.toml"
    file.write_text(
        f'[[site]]\nid = "north"\nbase = "{base}"\ntimezone = "Asia/Shanghai"\n'
        f'auth = {{ kind = "smart-backend", client_id = "{client_id}", key = "file:north.jwk" }}\n'
    )
    return file


def lines(run: RunFolder, site: str) -> dict[str, list[bytes]]:
    return {f.name: sorted(f.read_bytes().splitlines()) for f in run.landing(site).glob("[A-Z]*.ndjson")}


@pytest.mark.usefixtures("no_waits")
def test_extract_by_a_sites_file_lands_the_same_and_leaves_no_secret_in_the_run_folder(
    sample: Path, tmp_path: Path
) -> None:
    plain = command("extract", STUDY, "--source", sample, "--runs", tmp_path / "plain")
    assert plain.code == 0, plain.err
    given: list[str] = []

    class Watched(TokenAccess):
        def allows(self, header: str | None) -> bool:
            given.append(header or "")
            return super().allows(header)

    clients = {"bedside": RegisteredClient(jwks={"keys": [KEY.as_dict(private=False)]})}
    with serve(sample, access=Watched(clients)) as base:
        said = command("extract", STUDY, "--sites", sites_file(tmp_path, base), "--runs", tmp_path / "runs")
        stranger = sites_file(tmp_path, base, "stranger")
        refused = command("extract", STUDY, "--sites", stranger, "--runs", tmp_path / "refused")
    assert said.code == 0, said.err
    assert refused.code == 3
    assert "refuses with invalid_client: it does not accept the client id with this key or secret" in refused.err
    run = only_run(tmp_path / "runs")
    (site,) = json.loads((only_run(tmp_path / "plain").root / "run.json").read_text())["sites"]
    assert lines(run, "north") == lines(only_run(tmp_path / "plain"), site)
    secrets = {each.partition(" ")[2].encode() for each in given if each} | {KEY.as_dict(private=True)["d"].encode()}
    assert len(secrets) == 2
    looked_at = [file for name in ("runs", "refused") for file in (tmp_path / name).rglob("*") if file.is_file()]
    assert len(looked_at) > 8
    for file in looked_at:
        assert not any(secret in file.read_bytes() for secret in secrets), file.name
    assert not any(secret.decode() in said.text + refused.text for secret in secrets)


def test_sandbox_command_gives_tokens_to_the_client_it_is_told_of(sample: Path, tmp_path: Path) -> None:
    public = tmp_path / "public.jwks"
    public.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    home = tmp_path / "home"
    smart = ("--smart-client", "bedside", "--smart-key", public)

    def address() -> str | None:
        said = (home / "stderr").read_text()
        return said.partition("\nat ")[2].partition(" ")[0] or None

    with running(home, "sandbox", sample, "--port", 0, *smart) as process:
        base = wait_until("the sandbox", address, process)
        auth = {"kind": "smart-backend", "client_id": "bedside", "key": "file:north.jwk"}
        sites_file(tmp_path, base)
        client = connect(Site(id="north", base=base, auth=auth), secrets_folder=tmp_path)
        client.open()
        assert client.count("Patient", ()) == len((sample / "Patient.ndjson").read_bytes().splitlines())
        client.close()


@pytest.mark.parametrize("options", [["--smart-client", "b"], ["--smart-key", "k"]])
def test_half_a_registration_is_exit_2(options: list[str], sample: Path) -> None:
    said = command("sandbox", sample, *options)
    assert (said.code, "--smart-client and --smart-key belong together" in said.err) == (2, True)

"""Private authorities and mutual TLS. Oracle: Python's own TLS server on loopback, which refuses who cannot show a
certificate of its authority, and the hospital's own resources."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from flows.landing.connect import connect
from flows.sites import Site
from mappings.errors import DefinitionError, SourceError
from tests.fixtures.authority import Authority
from tests.fixtures.hospital_faults import counts
from tests.unit.client.hospital import CANARY, COHORT_COUNTS, Hospital, extract
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def client_files(authority: Authority, **more: Any) -> dict[str, str]:
    cert, key = authority.issue("bedside")
    return {"cert": str(cert), "key": str(key), "ca": str(authority.certificate), **more}


def hospital(server: ScriptedServer) -> ScriptedServer:
    server.answer = Hospital(server)
    return server


def test_a_private_authority_is_trusted_where_the_sites_file_says_so(authority: Authority, tmp_path: Path) -> None:
    with ScriptedServer(tls=authority.server_context()) as server:
        manifest = extract(hospital(server), tmp_path / "landing", tls={"ca": str(authority.certificate)})
        assert {each.with_certificate for each in server.asked} == {False}
    assert manifest.complete
    assert counts(tmp_path / "landing") == COHORT_COUNTS


def test_a_private_authority_is_not_trusted_otherwise(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Another CA")
    with ScriptedServer(tls=authority.server_context()) as server:
        for tls in (None, {"ca": str(other.certificate)}):
            with pytest.raises(SourceError, match="cannot be reached by TLS") as caught:
                extract(hospital(server), tmp_path / "landing", tls=tls)
            assert caught.value.exit_code == 3
        assert server.asked == []


def test_mutual_tls_shows_the_certificate(authority: Authority, tmp_path: Path) -> None:
    with ScriptedServer(tls=authority.server_context(ssl.CERT_REQUIRED)) as server:
        manifest = extract(hospital(server), tmp_path / "landing", tls=client_files(authority))
        assert {each.with_certificate for each in server.asked} == {True}
    assert manifest.complete
    assert counts(tmp_path / "landing") == COHORT_COUNTS


def test_certificate_and_key_may_stand_in_one_file(authority: Authority, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(file.read_bytes() for file in authority.issue("bedside")))
    with ScriptedServer(tls=authority.server_context(ssl.CERT_REQUIRED)) as server:
        tls = {"cert": str(both), "ca": str(authority.certificate)}
        assert extract(hospital(server), tmp_path / "landing", tls=tls).complete


def test_without_the_certificate_a_server_of_mutual_tls_is_exit_3(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "Another CA").issue("stranger")
    tls = {"ca": str(authority.certificate)}
    with ScriptedServer(tls=authority.server_context(ssl.CERT_REQUIRED)) as server:
        for files in (tls, {**tls, "cert": str(stranger[0]), "key": str(stranger[1])}):
            with pytest.raises(SourceError):
                extract(hospital(server), tmp_path / "landing", tls=files)
        assert server.asked == []


def test_the_token_endpoint_is_asked_over_the_same_tls(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_TEST_SECRET", CANARY)
    with ScriptedServer(tls=authority.server_context(ssl.CERT_REQUIRED)) as server:
        inner = Hospital(server)
        token = json.dumps({"access_token": "t", "token_type": "bearer", "expires_in": 300}).encode()
        server.answer = lambda asked: Answer(body=token) if asked.path == "/token" else inner(asked)
        auth = {"kind": "client-secret", "client_id": "c", "secret": "env:BEDSIDE_TEST_SECRET"}
        auth["token_endpoint"] = f"{server.origin}/token"
        assert extract(server, tmp_path / "landing", auth=auth, tls=client_files(authority)).complete
        assert [each.path for each in server.asked].count("/token") == 1
        assert {each.with_certificate for each in server.asked} == {True}


@pytest.mark.parametrize("with_token", [False, True])
def test_the_certificate_goes_where_the_credential_may_go(
    authority: Authority, tmp_path: Path, with_token: bool
) -> None:
    context = authority.server_context(ssl.CERT_OPTIONAL)
    with ScriptedServer(tls=context) as server, ScriptedServer(tls=context) as other:
        other.answer = Hospital(other)
        inner = Hospital(server)

        def moved(asked: Asked) -> Answer:
            if asked.path == "/fhir/Patient":
                query = "&".join(f"{name}={value}" for name, value in asked.parameters)
                return Answer(307, headers={"Location": f"{other.base}/Patient?{query}"})
            return inner(asked)

        server.answer = moved
        origins = [{"origin": other.origin, "with_token": with_token}]
        assert extract(server, tmp_path / "landing", tls=client_files(authority), other_origins=origins).complete
        assert {each.with_certificate for each in server.asked} == {True}
        assert [each.with_certificate for each in other.asked] == [with_token]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cert": "no-such.crt"}, r"tls\.cert: there is no file"),
        ({"key": "no-such.key"}, r"tls\.key: there is no file"),
        ({"ca": "no-such.pem"}, r"tls\.ca: there is no file"),
        ({"ca": "bedside.key"}, r"tls\.ca: holds no certificate"),
        ({"key": "other.key"}, r"tls\.cert: certificate and key must be PEM, belong together"),
        ({"key": None}, r"tls\.cert: certificate and key"),
        ({"key": "locked.key"}, r"the key have no passphrase"),
    ],
    ids=["cert", "key", "ca", "ca is none", "another key", "no key", "passphrase"],
)
def test_files_that_do_not_fit_are_told_before_anything_is_asked(
    authority: Authority, tmp_path: Path, changed: dict[str, str | None], words: str
) -> None:
    from cryptography.hazmat.primitives import serialization

    authority.issue("other")
    files = {**client_files(authority), **changed}
    key = serialization.load_pem_private_key((tmp_path / "bedside.key").read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"passphrase")
    form = serialization.PrivateFormat.PKCS8
    (tmp_path / "locked.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked))
    site = Site(id="north", base="https://127.0.0.1:1/fhir", tls=files)
    with pytest.raises(DefinitionError, match=words) as caught:
        connect(site, secrets_folder=tmp_path)
    assert caught.value.exit_code == 2

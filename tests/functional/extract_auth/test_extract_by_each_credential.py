"""Extraction by each way of saying who asks. Oracle: the hospital's own resources, and the sandbox, which judges tokens
and assertions as strictly as SMART App Launch 2.2 lets it."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mappings.errors import SourceError
from tests.fixtures.hospital_faults import counts
from tests.fixtures.token_ward import KEYS, Open, Ward
from tests.unit.client.hospital import CANARY, COHORT_COUNTS

SMART = {"kind": "smart-backend", "client_id": "bedside", "key": "file:ES384.jwk"}
SECRET = {"kind": "client-secret", "client_id": "bedside & co", "secret": "file:secret"}
WAYS: dict[str, dict[str, Any]] = {
    "ES384 as JWK": SMART,
    "RS384 as JWK": {**SMART, "key": "file:RS384.jwk"},
    "ES384 as PEM": {**SMART, "key": "file:ES384.pem", "kid": "ec-1"},
    "RS384 as PEM": {**SMART, "key": "file:RS384.pem", "kid": "rsa-1"},
    "RS384 of a JWKS": {**SMART, "key": "file:jwks.json", "kid": "rsa-1"},
    "key from the environment": {**SMART, "key": "env:BEDSIDE_TEST_KEY"},
    "jku": {**SMART, "jku": "https://bedside.example/jwks.json"},
    "scopes by type": {**SMART, "scopes": ["system/Patient.rs", "system/Observation.rs"]},
    "client_secret_basic": SECRET,
    "client_secret_post": {**SECRET, "method": "client_secret_post"},
    "secret from the environment": {**SECRET, "secret": "env:BEDSIDE_TEST_SECRET"},
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_TEST_KEY", json.dumps(KEYS["ES384"].as_dict(private=True)))
    monkeypatch.setenv("BEDSIDE_TEST_SECRET", CANARY)


@pytest.mark.parametrize("way", WAYS)
def test_the_whole_cohort_comes_with_one_token(way: str, ward: Open, tmp_path: Path) -> None:
    with ward() as opened:
        manifest = opened.extract(WAYS[way], tmp_path / "landing")
        assert (opened.access.given, opened.access.refusals) == (1, [])
        assert {status for _, status in opened.asked.requests} == {200}
    assert (manifest.complete, manifest.warnings) == (True, ())
    assert counts(tmp_path / "landing") == COHORT_COUNTS


def test_a_token_that_a_command_prints_is_asked_for_once_and_again_when_refused(ward: Open, tmp_path: Path) -> None:
    """The command is a small client of its own; each of its tokens is good until the sandbox forgets them."""
    text = (
        "import json, sys, urllib.request, urllib.parse\n"
        "form = {'grant_type': 'client_credentials', 'client_id': 'bedside & co'}\n"
        "form['client_secret'] = open('secret').read()\n"
        "data = urllib.parse.urlencode(form).encode()\n"
        "print(json.load(urllib.request.urlopen(sys.argv[1], data))['access_token'])\n"
    )
    forgot: list[str] = []

    def forget(access: Any, path: str) -> None:
        if path.endswith("/Observation") and not forgot:
            forgot.append(path)
            access.end_tokens()

    with ward(forget) as opened:
        endpoint = opened.base.replace("/fhir", "/auth/token")
        auth = {"kind": "bearer", "command": [sys.executable, "-c", text, endpoint]}
        manifest = opened.extract(auth, tmp_path / "landing")
        assert opened.access.given == 2
    assert manifest.complete
    assert counts(tmp_path / "landing") == COHORT_COUNTS


def test_scopes_that_were_not_granted_are_a_warning_of_the_manifest_and_a_line_of_the_log(
    ward: Open, tmp_path: Path
) -> None:
    asked = ["system/Patient.read", "system/Observation.rs", "system/Device.cruds"]
    with ward(scopes=("system/Patient.rs", "system/Observation.r")) as opened:
        manifest = opened.extract({**SMART, "scopes": asked}, tmp_path / "landing")
    lacking = ["system/Observation.rs", "system/Device.cruds"]
    assert list(manifest.warnings) == [{"code": "scopes-not-granted", "scopes": lacking}]
    assert manifest.complete
    assert f"scopes asked for and not granted: {', '.join(lacking)}" in (tmp_path / "landing/log.ndjson").read_text()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"client_id": "stranger"}, "refuses with invalid_client"),
        ({"key": "file:ES384.pem", "kid": "never-registered"}, "refuses with invalid_client"),
        ({"jku": "https://bedside.example/other.json"}, "refuses with invalid_client"),
        ({"key": "file:not-there"}, "no secret is found where the sites file says"),
    ],
    ids=["client", "kid", "jku", "no key"],
)
def test_a_client_that_is_not_known_is_exit_3_and_nothing_lands(
    changed: dict[str, Any], words: str, ward: Open, tmp_path: Path
) -> None:
    with ward() as opened:
        with pytest.raises(SourceError, match=words) as caught:
            opened.extract({**SMART, **changed}, tmp_path / "landing")
        assert opened.asked.authorizations == set()
    assert caught.value.exit_code == 3
    assert not (tmp_path / "landing" / "manifest.json").exists()


def _secrets(opened: Ward) -> Iterator[str]:
    yield CANARY
    yield from opened.asked.authorizations
    yield from (each.partition(" ")[2] for each in opened.asked.authorizations)
    for key in KEYS.values():
        yield str(key.as_dict(private=True)["d"])
    yield "-----BEGIN"
    yield "eyJ"  # any JWT


@pytest.mark.parametrize("way", ["ES384 as PEM", "RS384 of a JWKS", "client_secret_basic", "client_secret_post"])
def test_no_secret_is_in_landing_log_manifest_output_or_any_repr(
    way: str, ward: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with ward(scopes=("system/Patient.rs",)) as opened:
        manifest = opened.extract(WAYS[way], tmp_path / "landing")
        site = opened.site(WAYS[way])
        wrong = {**WAYS[way], "client_id": "stranger"}
        with pytest.raises(SourceError) as caught:
            opened.extract(wrong, tmp_path / "second")
        said = [repr(manifest), repr(site), str(site.model_dump()), caplog.text, *capfd.readouterr()]
        said.append("".join(traceback.format_exception(caught.value)))
        said += [file.read_text() for file in sorted(tmp_path.glob("*/*.*json")) if file.parent.name != "files"]
        names = {file.name for file in (tmp_path / "landing").iterdir()}
        assert {"log.ndjson", "manifest.json"} <= names
        tokens = [each for each in _secrets(opened) if each]
        assert len(tokens) >= 5
        found = {secret[:6] for secret in tokens for text in said if secret in text}
    assert found == set()

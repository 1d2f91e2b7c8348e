"""Who is asked with which credential, and that no secret and no patient is said. Oracle: issue 3, "What bad input
gets", and the canaries in the hospital's resources and credentials."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest

from mappings.errors import SourceError
from tests.fixtures.hospital_faults import counts, page_of, with_fault
from tests.unit.client.hospital import CANARY, COHORT_COUNTS, PATIENT_CANARY, Hospital, extract
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer, bundle


def test_next_on_an_origin_not_named_is_not_asked_and_the_origin_is_said(server: ScriptedServer, folder: Path) -> None:
    with ScriptedServer(lambda _: bundle()) as other:
        _elsewhere(server, other)
        manifest = extract(server, folder, auth={"kind": "bearer", "token": "env:BEDSIDE_TEST_TOKEN"})
        assert other.asked == []
    assert not manifest.complete
    assert manifest.missing[0].reason == f"origin-not-named {other.origin}"


@pytest.mark.parametrize(("with_token", "header"), [(False, None), (True, f"Bearer {CANARY}")])
def test_next_on_a_named_origin_is_asked_as_the_sites_file_says(
    server: ScriptedServer, folder: Path, with_token: bool, header: str | None
) -> None:
    with ScriptedServer() as other:
        _elsewhere(server, other)
        other.answer = server.answer
        origins = [{"origin": other.origin, "with_token": with_token}]
        auth = {"kind": "bearer", "token": "env:BEDSIDE_TEST_TOKEN"}
        manifest = extract(server, folder, auth=auth, other_origins=origins)
        assert [each.authorization for each in other.asked] == [header]
        assert all(each.authorization == f"Bearer {CANARY}" for each in server.asked)
    assert manifest.complete
    assert counts(folder) == COHORT_COUNTS


def _elsewhere(server: ScriptedServer, other: ScriptedServer) -> None:
    """The link to the second page of Observations leads to ``other``."""

    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if not page_of(asked, "Observation", hospital, 1):
            return ok
        moved = ok.body.replace(f"{server.base}?page".encode(), f"{other.base}?page".encode())
        return Answer(body=moved)

    with_fault(server, fault)


def test_no_secret_and_no_patient_in_log_manifest_or_output(
    server: ScriptedServer, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with_fault(server, lambda asked, ok, h: Answer(410) if page_of(asked, "Observation", h, 3) else ok)
    manifest = extract(server, folder, auth={"kind": "basic", "user": "u", "password": "env:BEDSIDE_TEST_TOKEN"})
    assert not manifest.complete
    beside = (folder / "log.ndjson").read_text() + (folder / "manifest.json").read_text()
    seen = beside + caplog.text + "".join(capfd.readouterr()) + repr(manifest)
    assert any(PATIENT_CANARY in value for each in server.asked for _, value in each.parameters)
    for secret in (CANARY, PATIENT_CANARY):
        assert secret not in seen


def test_no_secret_and_no_patient_in_the_error_of_a_refused_run(server: ScriptedServer, folder: Path) -> None:
    with_fault(server, lambda asked, ok, _: Answer(403) if asked.path == "/fhir/Observation" else ok)
    with pytest.raises(SourceError) as caught:
        extract(server, folder, auth={"kind": "bearer", "token": "env:BEDSIDE_TEST_TOKEN"})
    text = "".join(traceback.format_exception(caught.value))
    assert CANARY not in text
    assert PATIENT_CANARY not in text

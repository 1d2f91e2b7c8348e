"""The entry point. Oracle: what Prefect needs of the environment (no calls home, a patient start, an absolute home),
and the exit codes and promises of docs/command-line.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import defects, entry, study_folder
from mappings.errors import BedsideError, GateError

PATIENT = "canary-patient-7f3a"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails on a value as libraries do: quoting it."""

    def read(_path: Path) -> None:
        raise ValueError(f"could not convert {PATIENT!r} to a number")

    monkeypatch.setattr(study_folder, "read", read)
    monkeypatch.delenv(defects.SHOW_ALL, raising=False)


def test_nothing_calls_home_and_prefect_may_start_slowly() -> None:
    environ: dict[str, str] = {}
    entry.settle_environment(environ)
    assert environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environ["DO_NOT_TRACK"] == "1"
    assert environ["GX_ANALYTICS_ENABLED"] == "false"
    assert int(environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"]) >= 120
    assert environ["PREFECT_LOGGING_LEVEL"] == "WARNING"


def test_what_a_person_has_set_stays() -> None:
    environ = {"PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_HOME": "/somewhere/else"}
    entry.settle_environment(environ)
    assert environ["PREFECT_LOGGING_LEVEL"] == "DEBUG"
    assert environ["PREFECT_HOME"] == "/somewhere/else"


@pytest.mark.parametrize(
    ("given", "meant"), [(None, "home/.prefect"), ("~/kept", "home/kept"), ("relative", "here/relative")]
)
def test_prefects_home_is_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, meant: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    environ = {} if given is None else {"PREFECT_HOME": given}
    entry.settle_environment(environ)
    assert environ["PREFECT_HOME"] == str(tmp_path / meant)


@pytest.mark.usefixtures("broken")
def test_a_defect_is_70_with_kind_and_place_and_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["study", "check", "anywhere", "--json"]) == 70
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (said["outcome"], said["exit_code"]) == ("error", 70)
    assert "a defect of ours" in said["message"]
    assert "ValueError at test_entry_point.py:" in said["message"] or "ValueError at try_out.py:" in said["message"]
    assert PATIENT not in out + err
    assert "Traceback" not in err


@pytest.mark.usefixtures("broken")
def test_all_of_a_defect_is_shown_to_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(defects.SHOW_ALL, "1")
    with pytest.raises(ValueError, match=PATIENT):
        entry.main(["study", "check", "anywhere"])


def test_only_errors_without_values_come_out_of_a_guarded_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(defects.SHOW_ALL, raising=False)
    with pytest.raises(BedsideError) as caught, defects.without_values():
        raise KeyError(PATIENT)
    assert (type(caught.value), caught.value.exit_code) == (BedsideError, 70)
    assert PATIENT not in str(caught.value)
    assert caught.value.__suppress_context__
    with pytest.raises(GateError, match="stopped") as kept, defects.without_values():
        raise GateError("the quality gate stopped the analysis")
    assert kept.value.exit_code == 5


def test_our_own_packages_are_found_where_they_are() -> None:
    assert entry.shadowed() == ""

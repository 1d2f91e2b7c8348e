"""``bedside deploy`` on a home nobody has used, as far as a run that its schedule's process works off.

Oracle: Prefect's own HTTP API, asked what it holds, and the same study run without Prefect.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.run_folder import RunFolder
from tests.conftest import REPOSITORY
from tests.fixtures.processes import bedside, end, running, wait_until
from tests.functional.conftest import STUDY, only_run

# A fresh home, a server, and a run in a process of its own: on a loaded machine this takes minutes.
pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.timeout(900)]

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass
class Deployed:
    """A ``bedside deploy`` that is running."""

    process: subprocess.Popen[bytes]
    api: str
    home: Path
    runs: Path

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What Prefect's API answers; None while it does not."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}{path}", data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except (urllib.error.URLError, OSError):
            return None

    def wait(self, what: str, path: str, body: dict[str, Any] | None, good: Any, seconds: float = 200) -> Any:
        """Ask until the answer is good."""

        def look() -> Any:
            found = self.ask(path, body)
            return found if found is not None and good(found) else None

        return wait_until(what, look, self.process, seconds)

    @property
    def said(self) -> str:
        return (self.home / "stdout").read_text() + (self.home / "stderr").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def deployed(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    home, runs, port = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs"), free_port()
    when = ("--cron", "0 2 * * *", "--timezone", "Asia/Shanghai", "--port", port)
    with running(home, "deploy", STUDY, "--source", sample, "--runs", runs, *when) as process:
        made = Deployed(process, f"http://127.0.0.1:{port}/api", home, runs)
        made.wait("the deployment", "/deployments/filter", {}, lambda found: len(found) == 1)
        yield made


@pytest.fixture(scope="module")
def deployment(deployed: Deployed) -> dict[str, Any]:
    (found,) = deployed.ask("/deployments/filter", {})
    return dict(found)


def test_the_deployment_has_its_schedule_in_its_time_zone(deployment: dict[str, Any]) -> None:
    assert deployment["name"] == "li2023"
    (schedule,) = deployment["schedules"]
    assert schedule["active"] is True
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("0 2 * * *", "Asia/Shanghai")


def test_its_runs_are_planned_at_that_hour(deployed: Deployed, deployment: dict[str, Any]) -> None:
    """02:00 in Shanghai is 18:00 UTC: the server's scheduler works, and knows time zones."""
    body = {
        "deployments": {"id": {"any_": [deployment["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    planned = deployed.wait("planned runs", "/flow_runs/filter", body, lambda found: len(found) > 0)
    assert {run["expected_start_time"][11:19] for run in planned} == {"18:00:00"}


def test_one_run_at_a_time_and_a_new_one_is_cancelled(deployment: dict[str, Any]) -> None:
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_its_parameters_are_places_and_no_secret(deployment: dict[str, Any], deployed: Deployed, sample: Path) -> None:
    assert deployment["parameters"] == {
        "study": str(STUDY), "sites": None, "source": str(sample), "runs": str(deployed.runs),
        "engine": "duckdb", "master": None, "judge": "fast", "since": None,
    }  # fmt: skip


def test_runs_that_died_are_marked_as_crashed(deployed: Deployed) -> None:
    (automation,) = deployed.ask("/automations/filter", {})
    assert automation["enabled"] is True
    trigger = automation["trigger"]
    assert (trigger["posture"], trigger["within"]) == ("Proactive", 90)
    assert trigger["after"] == ["prefect.flow-run.heartbeat"]
    assert [(action["type"], action["state"]) for action in automation["actions"]] == [
        ("change-flow-run-state", "CRASHED")
    ]


def test_a_run_that_falls_due_is_worked_off_with_the_results_of_a_run_here(
    deployed: Deployed, deployment: dict[str, Any], finished_run: RunFolder
) -> None:
    asked = deployed.ask(f"/deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    ended = deployed.wait(
        "the end of a run", f"/flow_runs/{asked['id']}", None, lambda run: run["state_type"] in ENDED, 400
    )
    assert ended["state_type"] == "COMPLETED", json.dumps(ended["state"])
    run = only_run(deployed.runs)
    assert run.read()["outcome"] == "complete"
    for name in ("results/results.csv", "report/index.html"):
        assert (run.root / name).read_bytes() == (finished_run.root / name).read_bytes(), name


def test_a_run_gives_the_sign_of_life_that_the_automation_waits_for(deployed: Deployed) -> None:
    body = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}}, "limit": 1}
    found = deployed.wait("a heartbeat", "/events/filter", body, lambda found: len(found["events"]) > 0, 60)
    assert found["events"][0]["resource"]["prefect.resource.id"].startswith("prefect.flow-run.")


HOLDER = """
import sys
from flows.server_slots import slot
from flows.sites import Site
with slot(Site(id="north", base="https://fhir.north.example/r4")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_extract_of_a_server_at_a_time_over_all_machines(deployed: Deployed) -> None:
    """Two processes that share the Prefect server are as two machines: the second waits for the first's slot."""
    command, pipe = [sys.executable, "-c", HOLDER], subprocess.PIPE
    environment = {**os.environ, "PREFECT_API_URL": deployed.api, "PREFECT_HOME": str(deployed.home / "other")}

    def limit() -> dict[str, Any]:
        found = deployed.ask("/v2/concurrency_limits/filter", {})
        return next(dict(each) for each in found if each["name"] == "bedside fhir.north.example")

    with contextlib.ExitStack() as stack:
        first, second = (
            stack.enter_context(subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdin=pipe, stdout=pipe))
            for _ in range(2)
        )
        for each in (first, second):
            stack.callback(each.kill)
        streams = {each.stdout: each for each in (first, second)}
        (held,) = select.select(list(streams), [], [], 120)[0]
        assert held.readline() == b"held\n"
        assert (limit()["limit"], limit()["active_slots"]) == (1, 1)
        (other,) = set(streams) - {held}
        assert select.select([other], [], [], 0)[0] == []
        streams[held].stdin.close()  # type: ignore[union-attr]
        assert other.readline() == b"held\n"  # type: ignore[union-attr]
        streams[other].stdin.close()  # type: ignore[union-attr]


def test_ctrl_c_ends_it_and_the_server_it_started(deployed: Deployed) -> None:
    """Last, since nothing runs afterwards."""
    assert deployed.ask("/health") is True
    assert end(deployed.process) in (0, 130)
    assert deployed.ask("/health") is None
    assert "Traceback" not in deployed.said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--cron", "every night"), "is not a cron expression"),
        (("--cron", "0 2 * * *", "--timezone", "Mars/Olympus"), "in a known time zone"),
    ],
)
def test_a_wrong_schedule_is_exit_2_before_anything_starts(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    done = bedside(tmp_path, "deploy", STUDY, *options, "--port", free_port())
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert not (tmp_path / "prefect" / "prefect.db").exists()
    assert "Traceback" not in done.stderr

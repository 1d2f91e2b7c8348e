"""``bedside deploy``: the flow of a study on a schedule, with what a deployment needs to be trusted overnight.

One run of a study at a time (a new one is cancelled while the last still runs), and runs whose process died are marked
as crashed instead of running for ever. The schedule is served by the process that deploys, until it is ended.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flows.acceptance.judges import JudgeName
from flows.engines import DUCKDB, EngineChoice
from mappings.errors import DefinitionError, SourceError

if TYPE_CHECKING:
    from prefect.client.schemas.schedules import CronSchedule

HEARTBEAT_SECONDS = 30
_START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """The Prefect server to deploy to; with a port it is one of our own, on loopback, still to be started."""

    address: str
    port: int | None = None


def choose_server(port: int) -> Server:
    """The server that PREFECT_API_URL names, else one of our own on ``port``.

    It is named in the environment from here on: Prefect reads that once, when it is imported, and would otherwise
    hold its deployment in a second server inside this process.

    Raises:
        DefinitionError: the port is taken.
    """
    named = os.environ.get("PREFECT_API_URL")
    if named:
        return Server(named)
    if _taken(port):
        raise DefinitionError(f"port {port} is taken: choose another with --port, or name a server in PREFECT_API_URL")
    address = f"http://127.0.0.1:{port}/api"
    os.environ["PREFECT_API_URL"] = address
    return Server(address, port)


@contextmanager
def started(server: Server) -> Iterator[None]:
    """The server while it answers; one of our own is started, and ended afterwards.

    Raises:
        SourceError: it did not answer within two minutes.
    """
    if server.port is None:
        yield
        return
    environment = {
        **os.environ,
        "PREFECT_SERVER_UI_API_URL": server.address,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(server.port)]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # Ended while the server starts, this process must still end the server; afterwards Prefect listens to the signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _wait_for(server.address, process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def schedule_of(cron: str, timezone: str) -> CronSchedule:
    """The schedule, checked before anything is started; the server must have been chosen.

    Raises:
        DefinitionError: the cron expression or the time zone is wrong.
    """
    # Prefect reads it when it is imported, which is here for the first time; the runs' processes inherit it.
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", str(HEARTBEAT_SECONDS))
    from prefect.client.schemas.schedules import CronSchedule

    try:
        return CronSchedule(cron=cron, timezone=timezone)
    except ValueError as error:
        raise DefinitionError(
            f"the schedule {cron!r} in {timezone!r} is not a cron expression of five fields in a known time zone"
        ) from error


def serve(name: str, parameters: Mapping[str, str | None], schedule: CronSchedule) -> None:
    """Register the deployment and run what falls due, until interrupted, on the server that was chosen."""
    from prefect import serve as serve_deployments
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.flows import EntrypointType

    from flows.orchestrate import scheduled

    _mark_dead_runs()
    serve_deployments(
        scheduled.to_deployment(
            name=name,
            schedule=schedule,
            parameters=dict(parameters),
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            # By module: the process that runs it may stand in another folder.
            entrypoint_type=EntrypointType.MODULE_PATH,
            tags=["bedside"],
        ),
        print_starting_message=False,
    )


def _mark_dead_runs() -> None:
    """The automation that marks a run without a sign of life for three heartbeats as crashed."""
    from prefect.automations import Automation
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import EventTrigger, Posture

    name = "bedside: runs without a sign of life have crashed"
    try:
        Automation.read(name=name)
        return
    except ValueError:
        pass
    ended = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    Automation(
        name=name,
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *ended},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=3 * HEARTBEAT_SECONDS),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="no sign of life for three heartbeats")],
    ).create()


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SourceError("the Prefect server ended before it answered; see `prefect server start`")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310 - loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SourceError(f"the Prefect server did not answer within {_START_SECONDS} s")


def parameters_of(
    study: Path,
    sites: Path | None,
    source: str | None,
    runs: Path,
    engine: EngineChoice = DUCKDB,
    judge: JudgeName = "fast",
    since: str | None = None,
) -> dict[str, str | None]:
    """The parameters of a scheduled run, as absolute paths: it may run from anywhere. No secret is among them."""
    at = source if source is None or "://" in source else str(Path(source).expanduser().resolve())
    return {
        "study": str(study.resolve()),
        "sites": None if sites is None else str(sites.resolve()),
        "source": at,
        "engine": engine.name,
        "master": engine.master,
        "judge": judge,
        "runs": str(runs.resolve()),
        "since": since,
    }

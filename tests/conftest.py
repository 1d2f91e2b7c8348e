"""What every test may use: where things are, and which tests this machine can run.

A test marked ``hapi``, ``browser``, ``spark``, ``r`` or ``shared`` is skipped where what it needs is missing, and
one line at the end says so. With BEDSIDE_REQUIRE_ALL set (as .ci/run does) nothing is skipped for want of a tool.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

# Before numpy is loaded, here and in what tests start: several workers, each with a thread a core for small matrices,
# wait for each other most of the time.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"

NEEDS = {
    "hapi": lambda: [tool for tool in ("java", "mvn") if shutil.which(tool) is None],
    "browser": lambda: [tool for tool in ("chromium", "npm") if shutil.which(tool) is None],
    "spark": lambda: [
        *(["java"] if shutil.which("java") is None else []),
        *(["pyspark"] if find_spec("pyspark") is None else []),
    ],
    "r": lambda: [tool for tool in ("Rscript",) if shutil.which(tool) is None],
    "shared": lambda: [] if SHARED.is_dir() else ["the shared folder"],
}
WANTING = "wants "


def pytest_configure() -> None:
    # A shell starts what it puts into the background deaf to Ctrl-C, and children inherit that: some tests press it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    require_all = bool(os.environ.get("BEDSIDE_REQUIRE_ALL"))
    missing = {marker: found() for marker, found in NEEDS.items()}
    for item in items:
        for marker, tools in missing.items():
            if tools and not require_all and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=WANTING + " and ".join(tools)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    wanted: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        if WANTING in reason:
            wanted[reason.split(WANTING, 1)[1]] += 1
    if wanted:
        said = ", ".join(f"{count} for want of {tools}" for tools, count in sorted(wanted.items()))
        terminalreporter.write_line(f"tests skipped: {said}")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public material beside the checkout; mark the test ``shared``."""
    return SHARED

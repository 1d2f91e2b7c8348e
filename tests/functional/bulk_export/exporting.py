"""An export in a process of its own, for tests that end it: ``exporting.py BASE FOLDER LOG_OF_STEPS KILL_AT``.

It counts its steps (a piece of a file, a saved state, a landed resource), says how many there were, and kills itself at
the one it is told (0: never).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows import stopping
from flows.client.retry import RetryRules
from flows.landing import bulk_export
from flows.landing.bulk_extract import extract_bulk
from flows.landing.bulk_state import BulkState
from flows.landing.connect import connect
from flows.landing.extract import filters_sha256
from flows.landing.intake import Intake
from flows.sites import Site
from tests.unit.client.hospital import PLAN


def main(base: str, folder: str, steps: str, kill_at: str) -> int:
    """Export once."""
    done = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return step

    bulk_export.check = counted(bulk_export.check)  # type: ignore[assignment]
    BulkState.save = counted(BulkState.save)  # type: ignore[method-assign]
    Intake.land = counted(Intake.land)  # type: ignore[method-assign]
    site = Site(id="north", base=base, method="bulk", limits={"parallel": 1})  # type: ignore[arg-type]
    client = connect(site, rules=RetryRules(initial=0.0, longest=0.0))
    with stopping.heard():
        try:
            extract_bulk(site, PLAN, client, Path(folder), filters_sha256(site, PLAN))
        except KeyboardInterrupt:
            return 130
        finally:
            client.close()
    Path(steps).write_text(str(done))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

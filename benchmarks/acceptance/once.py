"""One acceptance of a landing in a process of its own, as a run does it: prints what it took as JSON.

python -m benchmarks.acceptance.once LANDING OUT JUDGE WORKERS
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from flows.acceptance import accept
from flows.acceptance.judges import judge_of, named


def main() -> None:
    landing, out, judge, workers = sys.argv[1:]
    began = time.perf_counter()
    counts = accept(
        Path(landing), Path(out) / "accepted", Path(out) / "quarantine", int(workers), new_judge=judge_of(named(judge))
    )
    seconds = time.perf_counter() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_seconds": sum(one.ru_utime + one.ru_stime for one in used),
                "landed": counts.landed,
                "accepted": counts.accepted,
                "quarantined": counts.quarantined,
            }
        )
    )


if __name__ == "__main__":
    main()

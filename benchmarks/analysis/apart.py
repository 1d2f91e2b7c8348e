"""What is asked apart, in a process of its own: Firth's models and the bootstrap of a stepwise choice.

    python -m benchmarks.analysis.apart OUT SUBJECTS

Takes as many subjects of the analysis table in OUT and prints the seconds of the Cox models without and with Firth's
beside them, and of the bootstrap, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.analysis.data import STUDY

REPOSITORY = Path(__file__).resolve().parents[2]
RESAMPLES = 200


def apart(out: Path, subjects: int) -> dict[str, Any]:
    """Seconds by step of one endpoint, and how many subjects it was."""
    import pandas as pd

    from analysis.stats.bootstrap_rows import add_bootstrap
    from analysis.stats.cohort import Cohort
    from analysis.stats.cox_rows import add_cox
    from analysis.stats.rows import Rows
    from analysis.study.model import Study
    from flows.study_folder import read

    study = read(REPOSITORY / "studies" / STUDY).study
    table = pd.read_parquet(out / "analysis" / "analysis_table.parquet").head(subjects)
    assert isinstance(study, Study)

    def asked(**cox: Any) -> Cohort:
        plan = study.analysis.model_copy(update={"cox": study.analysis.cox.model_copy(update=cox)})
        return Cohort(study.model_copy(update={"analysis": plan}), table)

    stepwise = {"bootstrap": {"resamples": RESAMPLES, "limit": subjects * RESAMPLES}}
    whole = Study.model_validate({**study.model_dump(by_alias=True), "analysis": {"cox": {"stepwise": stepwise}}})
    steps = {}
    for name, add, cohort in (
        ("Cox models", add_cox, asked(firth=False, stepwise=None)),
        ("Cox models and Firth's", add_cox, asked(firth=True, stepwise=None)),
        ("bootstrap", add_bootstrap, asked(stepwise=whole.analysis.cox.stepwise)),
    ):
        began = time.perf_counter()
        add(Rows(), cohort, study.endpoint[0].id)
        steps[name] = time.perf_counter() - began
    return {"steps": steps, "subjects": len(table)}


def main() -> None:
    made = apart(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({**made, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()

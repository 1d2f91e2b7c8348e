"""The R script of any study: more arms, names that R reads otherwise, data with which a model cannot be fitted.

Oracle: R with its survival package, run on the very data.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.export.r_script import r_script
from analysis.study.model import Study
from flows.export.data_sets import write_csv
from flows.steps.comparison import as_csv
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of
from tests.fixtures.recomputed import Recomputed, main_figures, recompute
from tests.fixtures.sample_frames import adtte_of

pytestmark = [pytest.mark.r, pytest.mark.xdist_group("r-export")]

TWO, THREE = ("T", "F"), ('Caf\u00e9 "9%"', "back\\slash \U0001f600", "NA")
Rows = list[dict[str, Any]]


def subjects(arms: tuple[str, ...], n: int = 60, ties: float = 30.0) -> Rows:
    rng = np.random.default_rng(7)
    return [
        {
            "arm": arms[i % len(arms)],
            "age": float(rng.integers(35, 85)),
            "stage": str(rng.choice(["I", "II", "III"])),
            "weight": float(rng.normal(70, 9)) if i % 9 else None,
            "time": float(np.ceil(rng.exponential(200) / ties) * ties),
            "event": int(rng.uniform() < 0.7),
        }
        for i in range(n)
    ]


def of(arm: str, rows: Rows, **more: Any) -> Rows:
    """The rows with something changed for one arm."""
    return [{**row, **more} if row["arm"] == arm else row for row in rows]


def resting(rows: Rows) -> Rows:
    """The rows with an event in each arm every ten days: of an even number, one stands between two times."""
    return [{**row, "event": 1, "time": 10.0 + i // 2 * 10} for i, row in enumerate(rows)]


def judged(study: Study, rows: Rows, folder: Path) -> tuple[Recomputed, pd.DataFrame]:
    table = analysis_table(rows)
    results = results_of(study, table)
    adtte = adtte_of(table, tuple(endpoint.id for endpoint in study.endpoint))
    write_csv(table.assign(ANL01FL="Y"), folder / "adsl.csv")
    write_csv(adtte, folder / "adtte.csv")
    (folder / "results.csv").write_bytes(as_csv(results))
    (folder / "recompute.R").write_text(r_script(study), encoding="ascii")
    return recompute(folder), results


CONVENTIONS = {
    "primary": {"km_ci": "plain", "ties": "breslow"},
    "published": {"km_ci": "log", "ties": "efron", "median_ci": "km"},
}
HOSTILE: dict[str, tuple[tuple[str, ...], Rows, dict[str, Any]]] = {
    "three arms with names R would read otherwise": (THREE, subjects(THREE, 90), {}),
    "plain and log intervals, ties by breslow first": (TWO, subjects(TWO), CONVENTIONS),
    "symmetric medians": (TWO, subjects(TWO), {"published": {"median_ci": "spss"}}),
    "no ties at all": (TWO, subjects(TWO, ties=1e-3), {}),
    "nobody has an event": (TWO, [{**row, "event": 0} for row in subjects(TWO)], {}),
    "one arm without events": (TWO, of("T", subjects(TWO), event=0), {}),
    "all have the event on one day": (TWO, [{**row, "time": 30.0, "event": 1} for row in subjects(TWO)], {}),
    "a category nobody has": (TWO, [{**row, "stage": "II"} for row in subjects(TWO)], {}),
    "one subject in an arm": (TWO, [subjects(TWO)[0], *(row for row in subjects(TWO) if row["arm"] == "F")], {}),
    "two subjects in all": (TWO, subjects(TWO, 2), {}),
    "a curve that rests at one half": (TWO, resting(subjects(TWO, 8)), {}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_r_agrees_or_both_say_ne(case: str, tmp_path: Path) -> None:
    arms, rows, analysis = HOSTILE[case]
    found, results = judged(made_up_study(arms, **analysis), rows, tmp_path)
    differing = [id_ for id_, verdict in found.verdicts.items() if verdict == "DIFFERS"]
    assert (found.code, differing) == (0, []), found.errors
    assert set(found.verdicts) == main_figures(results)
    assert Counter(found.verdicts.values())["same"] > 5


def test_no_character_of_the_study_reaches_the_script_unescaped() -> None:
    text = r_script(made_up_study(THREE))
    assert text.isascii()
    assert "Caf\\U000000e9 \\U000000229%" in text

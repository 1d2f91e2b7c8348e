"""What is known of each subject before anything is written as FHIR: the tables, and what is invented beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

STUDY = Path(__file__).resolve().parent.parent
FIRST_INDEX = date(2018, 5, 2)
LAST_INDEX = date(2020, 7, 30)
CUTOFF = date(2020, 12, 31)
ARMS = {"DEB-TACE": "DEB", "cTACE": "CTACE"}
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Subject:
    """One screened subject. Days count from the index date; sizes are the largest lesion in millimetres.

    ``response`` is the best response, None where no assessment exists. ``pfs_days`` is the day of progression
    (``pfs_event``) or of the last adequate assessment. ``os_days`` is the day of death (``dead``) or of the last
    evidence of life. ``traits`` name the shapes this subject's records take; ``printed`` says whether the covariates
    come from the tables.
    """

    id: str
    arm: str
    age: int
    sex: str
    child_pugh: str
    both_lobes: bool
    size_mm: int
    lesions: int
    ecog: int
    response: str | None
    pfs_days: int
    pfs_event: bool
    os_days: int
    dead: bool
    index: date
    printed: bool = True
    traits: frozenset[str] = frozenset()

    def has(self, trait: str) -> bool:
        """Whether the records of this subject take a shape."""
        return trait in self.traits


# Shapes found in real records, each in a subject where it must change nothing (docs/sample.md says which and why).
TRAITS: dict[str, set[str]] = {
    "P01": {"long-decimals", "not-evaluable-early", "therapy-after-progression"},
    "P02": {"millimetres", "measured-worse"},
    "P06": {"refuted-metastasis"},
    "P07": {"stable-before-day-28"},
    "P08": {"older-ecog", "not-evaluable-late"},
    "P10": {"switch", "invasion-at-limit"},
    "P11": {"older-child-pugh"},
    "P13": {"millimetres", "not-done-session"},
    "P14": {"birthday-after-index", "planned-encounter"},
    "P15": {"therapy-after-progression"},
    "P16": {"long-decimals"},
    "P17": {"older-larger-lesion", "erroneous-ecog"},
    "P18": {"birthday-on-index", "therapy-after-progression"},
    "P20": {"not-evaluable-early", "snomed-ecog", "modality-in-series"},
    "P21": {"measured-better"},
    "X01": {"liver-surgery"},
    "X02": {"liver-ablation"},
    "X03": {"lung-metastasis", "millimetres"},
    "X04": {"lung-metastasis"},
    "X05": {"no-imaging"},
    "X06": {"no-imaging", "lost"},
    "X07": {"no-lesion-baseline"},
}

# excluded.csv says age, sex, arm and reason; all the rest of these seven is invented here:
# Child-Pugh, both lobes, size in mm, lesions, ECOG, response, PFS days, progressed, OS days (all alive).
_EXCLUDED: dict[str, tuple[str, bool, int, int, int, str | None, int, bool, int]] = {
    "X01": ("A", False, 41, 2, 1, "PR", 174, False, 391),
    "X02": ("A", False, 28, 1, 0, "SD", 118, False, 302),
    "X03": ("A", True, 52, 4, 1, "SD", 131, True, 266),
    "X04": ("B", True, 37, 3, 1, "PD", 62, True, 190),
    "X05": ("A", False, 45, 2, 1, None, 0, False, 203),
    "X06": ("A", True, 33, 5, 1, None, 0, False, 19),
    "X07": ("A", False, 39, 2, 1, "SD", 112, False, 245),
}


def published_subjects() -> Iterator[Subject]:
    """The 22 analysed subjects of cohort.csv and the 7 excluded ones of excluded.csv, with their index dates."""
    for n, row in enumerate(_rows("cohort.csv")):
        os_days = int(row["os_days"])
        yield Subject(
            id=row["patient"],
            arm=ARMS[row["arm"]],
            age=int(row["age_years"]),
            sex=row["sex"],
            child_pugh=row["child_pugh"],
            both_lobes=row["lesion_distribution"] == "both",
            size_mm=int(Decimal(row["lesion_size_cm"]) * 10),
            lesions=int(row["n_lesions"]),
            ecog=int(row["ecog"]),
            response=row["response"],
            pfs_days=int(row["pfs_days"]),
            pfs_event=row["pfs_event"] == "1",
            os_days=os_days,
            dead=row["os_event"] == "1",
            index=index_date(os_days, n * _GOLDEN % 1),
            traits=frozenset(TRAITS.get(row["patient"], ())),
        )
    for n, row in enumerate(_rows("excluded.csv"), start=22):
        known = _EXCLUDED[row["patient"]]
        child_pugh, both_lobes, size_mm, lesions, ecog, response, pfs_days, progressed, os_days = known
        yield Subject(
            id=row["patient"],
            arm=ARMS[row["arm"]],
            age=int(row["age_years"]),
            sex=row["sex"],
            child_pugh=child_pugh,
            both_lobes=both_lobes,
            size_mm=size_mm,
            lesions=lesions,
            ecog=ecog,
            response=response,
            pfs_days=pfs_days,
            pfs_event=progressed,
            os_days=os_days,
            dead=False,
            index=index_date(os_days, n * _GOLDEN % 1),
            printed=False,
            traits=frozenset(TRAITS[row["patient"]]),
        )


def index_date(os_days: int, fraction: float) -> date:
    """A working day between the first index date and the last from which the follow-up still ends by the cut-off.

    ``fraction`` in [0, 1) says where between the two.
    """
    last = min(LAST_INDEX, CUTOFF - timedelta(days=os_days))
    day = FIRST_INDEX + timedelta(days=int(fraction * ((last - FIRST_INDEX).days + 1)))
    back = max(0, day.weekday() - 4)  # Saturday and Sunday go back to Friday; the first index date is a Wednesday
    return day - timedelta(days=back)


def _rows(name: str) -> list[dict[str, str]]:
    with (STUDY / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

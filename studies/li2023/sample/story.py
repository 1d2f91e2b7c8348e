"""What happened after the index date: TACE sessions, and assessments with their readers and lesion measurements.

All of it is invented so that it adds up to the subject's best response and days, by mRECIST on the sum of the viable
diameters of at most two targets of the liver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from .facts import Subject

_BESIDE = {"CR": ("PR",), "PR": ("SD", "CR"), "SD": ("PD", "PR"), "PD": ("SD",)}


@dataclass(frozen=True)
class Assessment:
    """One scan and its readings. ``third`` is the adjudicator's reading, there only where the first two differ.

    ``targets`` are the viable diameters in millimetres, empty where the scan could not be evaluated; the scan was
    taken ``scanned_before`` days before the assessment.
    """

    day: int
    level: str
    first: str
    second: str
    third: str | None
    targets: tuple[int, ...]
    modality: str
    scanned_before: int


@dataclass(frozen=True)
class Session:
    """One TACE session: its day and whether beads, oil or both were used."""

    day: int
    beads: bool
    oil: bool


def baseline_targets(subject: Subject) -> tuple[int, ...]:
    """The viable diameters (mm) of the one or two targets before treatment; the first is the subject's largest."""
    if subject.lesions == 1:
        return (subject.size_mm,)
    return (subject.size_mm, max(10, round(subject.size_mm * 0.7)))


def sessions(subject: Subject, rng: Random) -> list[Session]:
    """The index session and, for about half of the subjects, one or two more before progression."""
    beads = subject.arm == "DEB"
    first = Session(0, beads, not beads)
    if subject.has("mixed-materials"):
        first = Session(0, True, True)
    made = [first]
    wanted = rng.choice((0, 0, 1, 1, 2)) if not subject.has("switch") else 1
    day = 0
    for n in range(wanted):
        day += rng.randrange(38, 56)
        if day >= min(subject.pfs_days or subject.os_days, subject.os_days) - 7:
            break
        other = subject.has("switch") and n == 0
        made.append(Session(day, beads != other, beads == other))
    return made


def assessments(subject: Subject, rng: Random) -> list[Assessment]:
    """The assessments in order, from the first scan after the index date to the one that ends PFS, or one beyond."""
    if subject.response is None:
        return []
    targets = baseline_targets(subject)
    base = nadir = sum(targets)
    made = []
    for n, (day, level) in enumerate(_levels(subject, rng)):
        measured: tuple[int, ...] = ()
        if level != "NE":
            measured = _measure(_as_measured(subject, level, n), targets, base, nadir, n)
            nadir = min(nadir, sum(measured))
        first, second, third = _read(level, rng)
        before = rng.choice((0, 0, 0, 1, 3)) if 35 < day < subject.pfs_days else 0
        made.append(Assessment(day, level, first, second, third, measured, rng.choice(("CT", "CT", "MR")), before))
    return made


def _levels(subject: Subject, rng: Random) -> list[tuple[int, str]]:
    end, best = subject.pfs_days, subject.response
    found: list[tuple[int, str]] = []
    if best == "PD":
        # No evaluable scan at day 28 or later before the progression: a stable one would be the best response.
        if subject.has("stable-before-day-28") and end > 30:
            found.append((24, "SD"))
        if subject.has("not-evaluable-early") and end > 80:
            found.append((rng.randrange(55, 66), "NE"))
        return [*found, (end, "PD")]
    day = rng.randrange(36, 48)
    while day < end - 20:
        found.append((day, ""))
        day += rng.randrange(52, 60) if len(found) < 4 else rng.randrange(80, 88)
    levels = _course(best, len(found) + (0 if subject.pfs_event else 1))
    timed = [(day, level) for (day, _), level in zip(found, levels, strict=False)]
    if subject.has("not-evaluable-early") and len(timed) > 2:
        timed[1] = (timed[1][0], "NE")
    timed.append((end, "PD" if subject.pfs_event else levels[-1]))
    if subject.has("not-evaluable-late") and subject.os_days - end > 40:
        timed.append((end + 37, "NE"))
    return timed


def _course(best: str | None, scans: int) -> list[str]:
    """The levels of the scans before any progression, ending in the best response."""
    if best == "SD":
        return ["SD"] * scans
    if best == "PR":
        return ["SD", *["PR"] * (scans - 1)] if scans > 1 else ["PR"]
    return ["PR", *["CR"] * (scans - 1)] if scans > 1 else ["CR"]


def _measure(level: str, targets: tuple[int, ...], base: int, nadir: int, n: int) -> tuple[int, ...]:
    """Viable diameters whose sum has the level by mRECIST: PR <= 70 % of baseline, PD >= 120 % of the nadir."""
    if level == "CR":
        return tuple(0 for _ in targets)
    if level == "PD":
        wanted = math.ceil(max(nadir * 1.3, nadir + 6))
    elif level == "PR":
        wanted = round(base * (0.55 if n < 2 else 0.5))
    else:
        wanted = round(base * (0.94 if n == 0 else 0.9))
    first = round(wanted * targets[0] / base)
    return (first, wanted - first) if len(targets) == 2 else (wanted,)


def _as_measured(subject: Subject, level: str, n: int) -> str:
    """The level the diameters add up to: the recorded one but at one planted visit (docs/sample.md)."""
    if n == 1 and level == "SD" and subject.has("measured-better"):
        return "PR"
    return "SD" if n == 1 and level == "PR" and subject.has("measured-worse") else level


def _read(level: str, rng: Random) -> tuple[str, str, str | None]:
    """Two readings and, where they differ, the adjudicator's, which is the accepted level."""
    roll, beside = rng.random(), _BESIDE.get(level)
    if beside is None or roll >= 0.22:
        return level, level, None
    other = rng.choice(beside)
    return (other, level, level) if roll < 0.11 else (level, other, level)

"""Larger synthetic cohorts of the same shape: each subject is drawn from one of the tables' and moved a little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from .facts import CUTOFF, FIRST_INDEX, Subject, index_date, published_subjects

# Shares of the shapes that real records take; an excluded subject keeps its reason's trait.
SHARES = {
    "mixed-materials": 0.01,
    "unknown-material": 0.01,
    "unknown-code": 0.01,
    "text-only-beads": 0.02,
    "switch": 0.03,
    "birthday-after-index": 0.4,
    "long-decimals": 0.1,
    "millimetres": 0.1,
    "not-evaluable-early": 0.05,
    "not-evaluable-late": 0.05,
    "stable-before-day-28": 0.1,
    "modality-in-series": 0.05,
    "snomed-ecog": 0.1,
    "not-done-session": 0.02,
    "refuted-metastasis": 0.03,
    "therapy-after-progression": 0.3,
    "lost": 0.02,
}
_REASONS = frozenset({"liver-surgery", "liver-ablation", "lung-metastasis", "no-imaging", "no-lesion-baseline"})
_LONGEST = (CUTOFF - FIRST_INDEX).days


def drawn_subjects(count: int, seed: int) -> Iterator[Subject]:
    """``count`` subjects, one after the other, the same for the same seed whatever the count."""
    kinds = list(published_subjects())
    for n in range(1, count + 1):
        rng = Random(f"{seed}:{n}")  # noqa: S311 - synthetic data, and it must be the same again
        yield _moved(rng.choice(kinds), f"S{n:07d}", rng)


def _moved(kind: Subject, key: str, rng: Random) -> Subject:
    progressed_at = kind.pfs_days
    if kind.response is not None:
        # At least one assessment fits before: otherwise a stable disease could not have been seen.
        shortest = 21 if kind.response == "PD" else 75
        progressed_at = max(shortest, round(kind.pfs_days * rng.uniform(0.75, 1.3)))
    after = round((kind.os_days - kind.pfs_days) * rng.uniform(0.6, 1.4))
    last = progressed_at + after
    dead = kind.dead
    if last > _LONGEST:
        last, dead = _LONGEST, False
    traits = {name for name, share in SHARES.items() if rng.random() < share} | (kind.traits & _REASONS)
    if dead:
        traits.discard("lost")
    return replace(
        kind,
        id=key,
        age=min(88, max(22, kind.age + rng.randrange(-6, 7))),
        size_mm=max(12, round(kind.size_mm * rng.uniform(0.8, 1.25))),
        pfs_days=progressed_at,
        os_days=last,
        dead=dead,
        index=index_date(last, rng.random()),
        printed=False,
        traits=frozenset(traits),
    )

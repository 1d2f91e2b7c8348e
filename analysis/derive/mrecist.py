"""Response by mRECIST from lesion measurements: the rules, on frames, knowing nothing of FHIR or of a study file.

Lencioni and Llovet, Semin Liver Dis 2010;30:52; for what it takes over, RECIST 1.1 (Eur J Cancer 2009;45:228, table 1
for the overall response). Lengths are viable (arterially enhancing) diameters in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

SUBJECT = ["site", "patient_id"]
LESION = [*SUBJECT, "identity"]
VISIT = [*SUBJECT, "rel"]
NOT_EVALUABLE, STABLE_NON_TARGET, NONE = "NE", "non-CR/non-PD", "none"
# 70 % of 50 mm is 35 mm, whatever a double makes of it.
_EXACT = 1e-9


@dataclass(frozen=True)
class Rules:
    """What counts as a target (``min_mm``, at most ``per_organ`` and ``in_all``), and RECIST's least growth for PD."""

    min_mm: float = 10.0
    per_organ: int = 2
    in_all: int = 5
    absolute_mm: float = 0.0


def viable(lesions: pd.DataFrame) -> pd.Series:
    """The diameter that counts: 0 where the lesion is said not to enhance, whatever its size; NaN where unknown."""
    return lesions["diameter"].astype("float64").mask(lesions["enhancing"].eq("not-enhancing"), 0.0)


def choose_targets(baseline: pd.DataFrame, rules: Rules, *, enhancement_asked: bool) -> pd.Series:
    """Which baseline lesions are targets; ``baseline`` has one row a lesion, its index is kept.

    A lesion said to be non-target or new is none. Of those large enough (and enhancing, where that is recorded) the
    ones said to be targets come first, then the largest, then the lower identity.
    """
    size = baseline["diameter"].astype("float64")
    fits = (size >= rules.min_mm - _EXACT) & baseline["here"] & ~baseline["role"].isin(["non-target", "new"])
    if enhancement_asked:
        fits &= baseline["enhancing"].eq("enhancing")
    ranked = baseline.assign(_size=-size, _named=~baseline["role"].eq("target"), _organ=baseline["organ"].fillna(""))
    ranked = ranked[fits].sort_values([*SUBJECT, "_named", "_size", "identity"], kind="stable")
    few = ranked[ranked.groupby([*SUBJECT, "_organ"]).cumcount() < rules.per_organ]
    few = few[few.groupby(SUBJECT).cumcount() < rules.in_all]
    return baseline.index.to_series().isin(few.index)


def non_target_status(lesions: pd.DataFrame) -> pd.Series:
    """CR, non-CR/non-PD, PD or NE of each non-target row: as recorded, else by what is measured.

    Progression of a non-target is a judgement (unequivocal): it is never read out of a diameter.
    """
    import pandas as pd

    size = viable(lesions)
    measured = pd.Series(
        np.select([size.isna(), size <= 0], [NOT_EVALUABLE, "CR"], STABLE_NON_TARGET), index=lesions.index
    )
    measured = measured.mask(size.isna() & lesions["enhancing"].eq("enhancing"), STABLE_NON_TARGET)
    return lesions["status"].where(lesions["status"].notna(), measured)


def target_response(sums: pd.DataFrame, rules: Rules) -> pd.Series:
    """CR, PR, SD, PD or NE from ``total``, ``base`` and ``nadir`` (mm; the smallest sum before, baseline included).

    A sum that lacks a target is NaN and not evaluable. Progression goes before partial response.
    """
    import pandas as pd

    total, base, nadir = (sums[name].astype("float64") for name in ("total", "base", "nadir"))
    grown = (total > nadir) & (total >= 1.2 * nadir * (1 - _EXACT)) & (total - nadir >= rules.absolute_mm - _EXACT)
    answers = [total.isna() | nadir.isna(), total <= 0, grown, total <= 0.7 * base * (1 + _EXACT)]
    return pd.Series(np.select(answers, [NOT_EVALUABLE, "CR", "PD", "PR"], "SD"), index=sums.index)


def overall(target: str, non_target: str, new: bool) -> str:
    """The overall response of one visit; ``none`` where the subject has no such lesion at baseline."""
    if new or "PD" in (target, non_target):
        return "PD"
    if target == NONE:
        # Without a target stable disease cannot be told from partial response: neither is claimed.
        return "CR" if non_target == "CR" else NOT_EVALUABLE
    if target == "CR" and non_target not in ("CR", NONE):
        return "PR"
    return target


def assess(lesions: pd.DataFrame, rules: Rules, *, enhancement_asked: bool) -> pd.DataFrame:
    """One row a visit after the index with its derived response.

    Args:
        lesions: one row a lesion and day: ``site``, ``patient_id``, ``rel`` (days from the index; the baseline at 0 or
            before), ``id`` (of the Observation), ``identity``, ``organ``, ``here`` (at the site the study assesses),
            ``diameter`` (mm), ``role``, ``enhancing`` and ``status`` (None where not recorded).
        enhancement_asked: only lesions recorded as enhancing can be targets and new liver lesions.

    Returns:
        ``site patient_id rel id level target non_target new elsewhere total base nadir n_targets``: ``new`` is a new
        lesion at the study's site, ``elsewhere`` one outside, which alone leaves ``level`` as it is; ``id`` is the
        lowest of the visit's Observations at the site. Sorted by subject and day.
    """
    import pandas as pd

    rows = lesions.sort_values([*VISIT, "identity", "id"], kind="stable", ignore_index=True)
    before = rows[(rows["rel"] <= 0) & ~rows["role"].eq("new")]
    # Each lesion as it was last seen before treatment: liver and lung may have been scanned on two days.
    baseline = before.groupby(LESION, dropna=False, as_index=False).tail(1).reset_index(drop=True)
    baseline = baseline.assign(is_target=choose_targets(baseline, rules, enhancement_asked=enhancement_asked))
    known = baseline[[*LESION, "is_target"]].assign(at_baseline=True)
    after = rows[rows["rel"] > 0].merge(known, on=LESION, how="left")
    after = after.assign(
        at_baseline=after["at_baseline"].eq(True),
        is_target=after["is_target"].eq(True),
        viable=viable(after),
        status=non_target_status(after),
    )
    after["is_new"] = _is_new(after, rules, enhancement_asked=enhancement_asked)

    visits = after[after["here"]].groupby(VISIT, as_index=False).agg(id=("id", "min"))
    here = baseline[baseline["here"]]
    wanted = here.groupby(SUBJECT, as_index=False).agg(n_targets=("is_target", "sum"), n_baseline=("is_target", "size"))
    base = here[here["is_target"]].groupby(SUBJECT, as_index=False).agg(base=("diameter", "sum"))
    visits = visits.merge(wanted, on=SUBJECT, how="left").merge(base, on=SUBJECT, how="left")
    visits[["n_targets", "n_baseline"]] = visits[["n_targets", "n_baseline"]].fillna(0).astype("int64")

    targets = after[after["is_target"] & after["here"] & after["viable"].notna()]
    sums = targets.groupby(VISIT, as_index=False).agg(total=("viable", "sum"), n_seen=("identity", "nunique"))
    visits = visits.merge(sums, on=VISIT, how="left")
    visits["total"] = visits["total"].where(visits["n_seen"] == visits["n_targets"])
    keys = [visits[key] for key in SUBJECT]
    lowest = visits["total"].fillna(np.inf).groupby(keys).cummin()
    earlier = lowest.groupby(keys).shift().replace(np.inf, np.nan)
    visits["nadir"] = pd.concat([visits["base"], earlier], axis=1).min(axis=1).where(visits["base"].notna())
    visits["target"] = target_response(visits, rules).where(visits["n_targets"] > 0, NONE)
    visits = visits.merge(_non_targets(after), on=VISIT, how="left")
    visits["non_target"] = _non_target(visits)

    new = after[after["is_new"]]
    for name, mask in (("new", new["here"]), ("elsewhere", ~new["here"])):
        found = new[mask][VISIT].drop_duplicates().assign(**{name: True})
        visits = visits.merge(found, on=VISIT, how="left")
        visits[name] = visits[name].eq(True)
    said = zip(visits["target"], visits["non_target"], visits["new"], strict=True)
    level = [overall(*one) for one in said]
    # Without any baseline nothing can have changed: not even a lesion can be called new.
    visits["level"] = pd.Series(level, index=visits.index, dtype="object").where(
        visits["n_baseline"] > 0, NOT_EVALUABLE
    )
    columns = [*VISIT, "id", "level", "target", "non_target", "new", "elsewhere", "total", "base", "nadir", "n_targets"]
    return visits[columns].sort_values(VISIT, kind="stable", ignore_index=True)


def _is_new(after: pd.DataFrame, rules: Rules, *, enhancement_asked: bool) -> pd.Series:
    """A lesion that was not there before. At the site it counts from ``min_mm`` on and only if it enhances (a smaller
    or pale one in a liver is equivocal); elsewhere, or said to be new without any measure, as it is."""
    unknown = after["role"].isna() & ~after["at_baseline"]
    new = after["role"].eq("new") | unknown
    size = after["diameter"].astype("float64")
    clear = size.isna() & after["role"].eq("new") | (size >= rules.min_mm - _EXACT)
    pale = after["enhancing"].eq("not-enhancing")
    if enhancement_asked:
        pale |= after["enhancing"].isna() & size.notna()
    return new & (~after["here"] | (clear & ~pale))


def _non_targets(after: pd.DataFrame) -> pd.DataFrame:
    rest = after[after["at_baseline"] & ~after["is_target"] & after["here"]]
    flags = rest[VISIT].assign(
        nt_seen=(rest["status"] != NOT_EVALUABLE).astype("int64"),
        nt_gone=rest["status"].eq("CR").astype("int64"),
        nt_grown=rest["status"].eq("PD").astype("int64"),
    )
    return flags.groupby(VISIT, as_index=False).sum()


def _non_target(visits: pd.DataFrame) -> pd.Series:
    import pandas as pd

    wanted = visits["n_baseline"] - visits["n_targets"]
    seen, gone, grown = (visits[f"nt_{name}"].fillna(0) for name in ("seen", "gone", "grown"))
    answers = [wanted == 0, grown > 0, seen < wanted, gone == wanted]
    return pd.Series(np.select(answers, [NONE, "PD", NOT_EVALUABLE, "CR"], STABLE_NON_TARGET), index=visits.index)

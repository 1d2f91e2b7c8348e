"""Whether what was derived of a case is what its author expects."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from analysis.cases.model import NOT_SCREENED, Expected, ExpectedTime
from analysis.study.model import Study

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive import Derived


def differences(study: Study, derived: Derived, subject: str, wanted: Expected) -> list[str]:
    """One sentence for everything that is not as expected; none where the case holds. ``subject`` is its USUBJID."""
    rows = derived.adsl[derived.adsl["USUBJID"] == subject]
    if rows.empty:
        if wanted.leaves == NOT_SCREENED:
            return []
        return [f"is not screened: no index event in the dates; expected: {_fate(wanted)}"]
    row = rows.iloc[0]
    left = None if row["ANL01FL"] == "Y" else str(row["EXCLRSN"])
    out = []
    if left != wanted.leaves:
        out.append(f"{'is analysed' if left is None else f'leaves at {left}'}; expected: {_fate(wanted)}")
    label = next((arm.label for arm in study.arm if arm.id == wanted.arm), None)
    if wanted.arm is not None:
        out += _told("arm", row["TRT01A"], label)
    for name, value in wanted.covariate.items():
        category = row.get(f"{name}_cat")
        if not (isinstance(category, str) and category == value):
            out += _told(name, row.get(name), value)
    if wanted.response is not None:
        best = derived.adrs[(derived.adrs["USUBJID"] == subject) & (derived.adrs["PARAMCD"] == "BOR")]
        out += _told("best response", best.iloc[0]["AVALC"] if len(best) else None, wanted.response)
    for endpoint, time in wanted.endpoint.items():
        found = derived.adtte[(derived.adtte["USUBJID"] == subject) & (derived.adtte["PARAMCD"] == endpoint)]
        if found.empty:
            out.append(f"{endpoint}: there is no row")
            continue
        competing = next(one.competing_codes for one in study.endpoint if one.id == endpoint)
        out += _time(endpoint, found.iloc[0], time, competing)
    return out


def _time(endpoint: str, row: pd.Series, wanted: ExpectedTime, competing: Collection[int]) -> list[str]:
    happened = bool(row["CNSR"] == 0)
    out = []
    if happened != wanted.event:
        found = "an event" if happened else "a competing event" if row["CNSR"] in competing else "censored"
        out.append(f"{endpoint}: {found}; expected: {'an event' if wanted.event else 'censored'}")
    if wanted.day is not None:
        out += _told(f"{endpoint} day", row["AVAL"], wanted.day)
    if wanted.desc is not None:
        out += _told(f"{endpoint} by", row["EVNTDESC"] if happened else row["CNSDTDSC"], wanted.desc)
    return out


def _told(what: str, found: Any, wanted: Any) -> list[str]:
    import pandas as pd

    if found is None or pd.isna(found):
        return [f"{what}: nothing; expected: {wanted}"]
    if isinstance(wanted, int | float) and not isinstance(found, str):
        same = abs(float(found) - float(wanted)) <= 1e-9 * max(1.0, abs(float(wanted)))
    else:
        same = str(found) == str(wanted)
    return [] if same else [f"{what}: {found}; expected: {wanted}"]


def _fate(wanted: Expected) -> str:
    return "analysed" if wanted.leaves is None else f"leaves at {wanted.leaves}"

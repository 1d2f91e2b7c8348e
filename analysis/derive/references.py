"""What a row of an analysis set rests on, as text: type, id and version of a FHIR resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def references(kind: str, ids: pd.Series, versions: pd.Series) -> pd.Series:
    """`Type/id/_history/version`, without the version where none is known; null without an id."""
    import pandas as pd

    made = [
        None if not isinstance(one, str) else f"{kind}/{one}" + (f"/_history/{v}" if isinstance(v, str) else "")
        for one, v in zip(ids, versions, strict=True)
    ]
    return pd.Series(made, index=ids.index, dtype="object")

"""The long results table while it is being filled: ids, columns and order in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.stats.estimates import NotEstimable, Value
from mappings.errors import BedsideError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "id",
    "parameter",
    "group",
    "variable",
    "level",
    "statistic",
    "value",
    "unit",
    "method",
    "n",
    "warning",
)
TOTAL = "total"


def contrast(experimental: str, reference: str) -> str:
    """The group label of a comparison: ``A vs B``, B the reference."""
    return f"{experimental} vs {reference}"


class Rows:
    """Collects result rows and makes the frame of ``docs/architecture.md``, sorted by id."""

    def __init__(self) -> None:
        self._rows: list[tuple[object, ...]] = []

    def add(
        self,
        parameter: str,
        variable: str,
        statistic: str,
        value: Value | int,
        *,
        group: str = TOTAL,
        level: str = "",
        method: str = "",
        unit: str = "",
        n: int | None = None,
        warning: str = "",
    ) -> None:
        """Add one row. A NotEstimable value becomes empty, its reason goes before ``warning``."""
        number: float | None
        if isinstance(value, NotEstimable):
            number = None
            warning = f"NE: {value.reason}" + (f"; {warning}" if warning else "")
        else:
            number = float(value)
        row_id = ".".join((parameter, variable, level, group, statistic, method))
        self._rows.append(
            (row_id, parameter, group, variable, level, statistic, number, unit, method, n, warning),
        )

    def frame(self) -> pd.DataFrame:
        """All rows sorted by id: ``value`` float (NaN empty), ``n`` nullable integer, the rest text.

        Raises BedsideError where two rows carry one id: that is a defect of this program.
        """
        import pandas as pd

        frame = pd.DataFrame(self._rows, columns=list(COLUMNS))
        twice = frame["id"][frame["id"].duplicated()]
        if not twice.empty:
            raise BedsideError(f"two results carry the id {twice.iloc[0]}")
        frame["value"] = frame["value"].astype("float64")
        frame["n"] = frame["n"].astype("Int64")
        return frame.sort_values("id", kind="stable", ignore_index=True)

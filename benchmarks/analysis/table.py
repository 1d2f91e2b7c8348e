"""The derived analysis table as the plain numbers that every library fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ENDPOINT = "RFS"
TREATED = "Hormonal therapy"
NUMBERS = ("age", "tumour_size", "positive_nodes", "progesterone_receptor", "oestrogen_receptor")
LEVELS = ("menopausal_state", "tumour_grade")


def design(table: pd.DataFrame) -> pd.DataFrame:
    """``time`` in days, ``event``, ``arm`` (1: experimental), and the study's covariates, levels as 0 or 1."""
    import pandas as pd

    made = pd.DataFrame(
        {
            "time": table[f"{ENDPOINT}_AVAL"].astype("float64"),
            "event": (table[f"{ENDPOINT}_CNSR"] == 0).astype("float64"),
            "arm": (table["TRT01A"] == TREATED).astype("float64"),
        }
    )
    made = made.assign(**{name: table[name].astype("float64") for name in NUMBERS})
    levels = pd.get_dummies(table[list(LEVELS)], drop_first=True, dtype="float64")
    return pd.concat([made, levels], axis=1)

"""What every part of the study language is made of: frozen types that refuse unknown keys, and windows of days."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema


class Frozen(BaseModel):
    """Read once, never changed; a key that is not of the language is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, strict=False)


class Window(Frozen):
    """Days from the index date, both ends included; ``None`` is open, ``high_at_cutoff`` ends at the data cut-off."""

    low: int | None = None
    high: int | None = None
    high_at_cutoff: bool = False

    def __str__(self) -> str:
        high = "cutoff" if self.high_at_cutoff else "" if self.high is None else str(self.high)
        return f"{'' if self.low is None else self.low}..{high}"


_WINDOW = r"(-?\d+)?\.\.(-?\d+|cutoff)?"


def _window(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(_WINDOW, value.strip())
    if match is None:
        raise ValueError(
            'a window is "LOW..HIGH" in days from the index date, for instance "-28..0", "..0" or "1..cutoff"'
        )
    low, high = match.groups()
    if low is not None and high not in (None, "cutoff") and int(low) > int(high):
        raise ValueError('the window ends before it begins: write the earlier day first, for instance "-28..0"')
    return Window(
        low=None if low is None else int(low),
        high=None if high in (None, "cutoff") else int(high),
        # An open end never reaches past the data cut-off: nothing after it is used.
        high_at_cutoff=high in (None, "cutoff"),
    )


def last_day(window: str) -> int | Literal["open"] | None:
    """The last day of a window as it is written: a number, or open to the cut-off; None where it is no window."""
    match = re.fullmatch(_WINDOW, window.strip())
    if match is None:
        return None
    return "open" if match[2] in (None, "cutoff") else int(match[2])


WindowText = Annotated[
    Window,
    BeforeValidator(_window),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": f"^{_WINDOW}$"}),
]

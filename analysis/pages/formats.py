"""How a number is written: the one place that rounds, and only for the eye.

P as ``0.018`` or ``< 0.001``; ratios with three decimals; times and percentages with one; counts with a narrow space
between thousands; a real minus sign. What cannot be written is the caller's business (``lookup.Cell``).
"""

from __future__ import annotations

MINUS = "\u2212"
THIN = "\u202f"  # narrow no-break space

COUNTS = frozenset(
    {"n", "count", "missing", "gone", "at_risk", "events", "censored", "entered", "recorded", "expected_below_5"}
    | {"resamples", "no_fit", "refused"}
)
_DECIMALS = {
    "hr": 3,
    "se": 3,
    "coef": 3,
    "survival": 3,
    "chi2": 2,
    "smd": 2,
    "percent": 1,
    "mean": 1,
    "sd": 1,
    "median": 1,
    "q1": 1,
    "q3": 1,
    "min": 1,
    "max": 1,
    "estimate": 1,
    "difference": 1,
    "ess": 1,
    "tau": 1,
    "largest_smd": 2,
    "limit": 2,
}
FRACTIONS = frozenset({"fraction", "proportion"})


def scaled(value: float, unit: str) -> float:
    """Fractions are printed as percent; every other unit as it is."""
    return 100 * value if unit in FRACTIONS else value


def integer(value: float) -> str:
    """A whole number, thousands apart by a narrow space: ``12 345``."""
    return signed(f"{round(value):,}".replace(",", THIN))


def guarded(count: float, least: int) -> str:
    """A count that is no result of the analysis: one that is small but not zero is not given away."""
    return f"fewer than {least}" if 0 < count < least else integer(count)


def decimal(value: float, places: int) -> str:
    """A number with fixed decimals; what would print as zero but is not says ``< 0.001``."""
    smallest = 10.0**-places
    if value and abs(value) < smallest / 2:
        return f"< {smallest:.{places}f}" if value > 0 else f"> {MINUS}{smallest:.{places}f}"
    if abs(value) >= 10_000:
        return integer(value)
    return signed(f"{value:.{places}f}")


def p_value(value: float) -> str:
    """``0.018``, ``< 0.001``, never ``0.000``."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def signed(text: str) -> str:
    """A hyphen before a number becomes a minus sign; minus zero becomes zero."""
    if text.startswith("-"):
        return text[1:] if not text.strip("-0.") else MINUS + text[1:]
    return text


def places(statistic: str, unit: str = "") -> int:
    """Decimals a statistic is shown with. Interval ends take those of what they surround: without a unit it is a ratio
    or a probability, with one a time or a percentage."""
    if statistic == "difference" and not unit:
        return 3  # of two probabilities
    if statistic == "estimate" and not unit:
        return 2  # a ratio that is no time, as an E-value
    if statistic in ("lower", "upper", "mean_difference"):
        return 1 if unit else 3
    return _DECIMALS.get(statistic, 3)


def figure(value: float, statistic: str, unit: str = "") -> str:
    """The text of one results value."""
    if statistic in ("p", "entry_p"):
        return p_value(value)
    if statistic in COUNTS:
        return integer(value)
    return decimal(scaled(value, unit), places(statistic, unit))

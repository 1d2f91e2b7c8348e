"""Colours after Okabe and Ito, and the second cue each arm carries (dash and marker), for two to eight arms.

The light set is an attribute in the figure, so that a figure copied out of the page keeps its colours; on the page the
class (``arm-0`` ...) takes over and follows light and dark.
Source: Okabe & Ito, Color Universal Design (2008); grey stands for yellow on a light ground, where yellow is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#767676")
DARK = ("#56B4E9", "#E69F00", "#2BC79A", "#E79BC5", "#F0E442", "#F07B3A", "#FFFFFF", "#A8A8A8")
# The same hues dark enough for small text on white (at least 4.5 to 1).
NAMES = ("#00598C", "#A34700", "#00694D", "#96457A", "#7D5700", "#1F6D9C", "#000000", "#5C5C5C")
DASHES = (None, "7 3", "2 2.5", "9 3 2 3", "12 4", "4 2 1 2 1 2", "1 3", "6 2 6 5")
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "plus", "hexagon", "ring")

# Best response, best to worst, one hue that pales, and a warm one for progression: fill, ink on it.
RESPONSE = {
    0: ("#08519C", "#FFFFFF"),
    1: ("#2E75B5", "#FFFFFF"),
    2: ("#B8D4EA", "#14171A"),
    3: ("#F4B183", "#14171A"),
    4: ("#DADADA", "#14171A"),
}


@dataclass(frozen=True)
class ArmStyle:
    """How one arm is drawn everywhere on the page."""

    number: int
    label: str
    colour: str
    dash: str | None
    marker: str

    @property
    def ink(self) -> str:
        """Its colour for small text."""
        return NAMES[self.number]

    @property
    def css(self) -> str:
        return f"arm-{self.number}"


def arm_styles(labels: tuple[str, ...]) -> dict[str, ArmStyle]:
    """A style for each arm label, in the order of the study file."""
    return {
        label: ArmStyle(i % 8, label, LIGHT[i % 8], DASHES[i % 8], MARKERS[i % 8]) for i, label in enumerate(labels)
    }

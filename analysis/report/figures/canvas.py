"""The few SVG pieces every figure is made of. All text is escaped; no style attribute is ever written (the CSP)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from analysis.report.palette import ArmStyle

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
INK, SOFT, LINE, PAPER = "#14171A", "#4A5560", "#C9D0D6", "#FFFFFF"


def number(value: float) -> str:
    """A coordinate with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """One element; ``stroke_width`` becomes ``stroke-width``, ``class_`` becomes ``class``, None is left out."""
    parts = [Markup("<{}").format(Markup(name))]  # noqa: S704
    for key, value in attributes.items():
        if value is None:
            continue
        shown = number(value) if isinstance(value, float) else value
        parts.append(Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), shown))
    if children:
        inner = Markup("").join(c if isinstance(c, Markup) else Markup.escape(str(c)) for c in children)
        return Markup("").join([*parts, Markup(">"), inner, Markup("</{}>").format(Markup(name))])  # noqa: S704
    return Markup("").join([*parts, Markup("/>")])


def text(
    x: float,
    y: float,
    *children: object,
    size: float = 11.5,
    anchor: str = "start",
    weight: int | None = None,
    soft: bool = False,
    css: str = "",
    fill: str | None = None,
) -> Markup:
    """A line of text in ink, or soft ink for what is secondary."""
    name = css or ("soft" if soft else "ink")
    return tag(
        "text",
        *children,
        x=float(x),
        y=float(y),
        font_size=size,
        text_anchor=None if anchor == "start" else anchor,
        font_weight=weight,
        class_=name,
        fill=fill or (SOFT if soft else INK),
    )


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> Markup:
    """A line between two points of the canvas (user units), in the colour of rules unless another is given."""
    attributes.setdefault("stroke", LINE)
    attributes.setdefault("class_", "rule")
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), **attributes)


def rect(x: float, y: float, width: float, height: float, **attributes: object) -> Markup:
    """A rectangle by its upper left corner and size (user units)."""
    return tag("rect", x=float(x), y=float(y), width=float(width), height=float(height), **attributes)


def marker(style: ArmStyle, x: float, y: float, size: float = 4.0) -> Markup:
    """The arm's own marker: the cue beside its colour."""
    shared: dict[str, object] = {"class_": f"{style.css} fill", "fill": style.colour}
    drawn: dict[str, object] = {
        "class_": f"{style.css} stroke",
        "stroke": style.colour,
        "stroke_width": 2,
        "fill": "none",
    }
    if style.marker == "circle":
        return tag("circle", cx=float(x), cy=float(y), r=size, **shared)
    if style.marker == "ring":
        return tag("circle", cx=float(x), cy=float(y), r=size, **drawn)
    if style.marker == "square":
        return rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8, **shared)
    if style.marker in ("triangle", "diamond", "hexagon"):
        sides = {"triangle": 3, "diamond": 4, "hexagon": 6}[style.marker]
        reach = size * 1.2
        corners = (
            (x + reach * math.sin(2 * math.pi * k / sides), y - reach * math.cos(2 * math.pi * k / sides))
            for k in range(sides)
        )
        return tag("polygon", points=" ".join(f"{number(a)},{number(b)}" for a, b in corners), **shared)
    turn = 0 if style.marker == "plus" else math.pi / 4
    arms = (
        f"M{number(x - size * math.cos(a))} {number(y - size * math.sin(a))}"
        f"L{number(x + size * math.cos(a))} {number(y + size * math.sin(a))}"
        for a in (turn, turn + math.pi / 2)
    )
    return tag("path", d="".join(arms), **drawn)


def plain(shown: Markup | str) -> str:
    """The words of a text that may hold tspans, for a description."""
    return shown.striptags() if isinstance(shown, Markup) else shown


def swatch(style: ArmStyle) -> Markup:
    """The arm's marker beside its name in a table; the name is the text."""
    return tag("svg", marker(style, 6, 6, 4.6), viewBox="0 0 12 12", class_="swatch", aria_hidden="true")


def svg(
    key: str, width: float, height: float, title: str, description: str, children: Iterable[Markup], css: str = ""
) -> Markup:
    """A whole figure with its title and description; ``key`` is unique on the page."""
    names = f"{key}-title {key}-desc"
    return tag(
        "svg",
        tag("title", title, id=f"{key}-title"),
        tag("desc", description, id=f"{key}-desc"),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_labelledby=names,
        class_=f"figure {css}".strip(),
        font_family=FONT,
    )


def wrap(words: str, width: float, size: float = 11.5) -> list[str]:
    """Break text into lines that fit ``width`` units; 0.56 of the size a character is on the safe side."""
    room = max(4, int(width / (size * 0.56)))
    lines, current = [], ""
    for word in words.split(" "):
        while len(word) > room:
            if current:
                lines.append(current)
                current = ""
            lines.append(word[: room - 1] + "-")
            word = word[room - 1 :]
        if current and len(current) + 1 + len(word) > room:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}".strip()
    return [*lines, current] if current else lines or [""]


def nice_step(span: float, wanted: int) -> float:
    """A step of 1, 2, 2.5 or 5 times a power of ten near ``span / wanted``."""
    raw = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw - 1e-12)


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move label positions apart so that none is nearer than ``gap``, keeping their order and inside [low, high]."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    placed = [0.0] * len(positions)
    previous = low - gap
    for i in order:
        placed[i] = max(positions[i], previous + gap)
        previous = placed[i]
    limit = high
    for i in reversed(order):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - gap
    return placed

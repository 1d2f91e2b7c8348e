"""The figure of ``docs/performance.md``: resources a second of every engine and view, on a log scale. Pure."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.mapping.contenders import BY_NAME
from benchmarks.shared.figures import drawn

SIZE = 100_000
_LEFT, _RIGHT, _TOP, _ROW = 240, 50, 66, 30
_WIDTH = 760
_COLOURS = ("#0b6e99", "#b5541c", "#4c7a34")
_TEMPLATE = """\
{% for view in views -%}
<circle cx="{{ view.x }}" cy="42" r="5" fill="{{ view.colour }}"/>\
<text x="{{ view.x + 10 }}" y="46" fill="#1f2328">{{ view.name }}</text>
{% endfor -%}
{% for tick in ticks -%}
<line x1="{{ tick.x }}" x2="{{ tick.x }}" y1="{{ top }}" y2="{{ bottom }}" stroke="#d8dee4"/>\
<text x="{{ tick.x }}" y="{{ bottom + 18 }}" fill="#57606a" text-anchor="middle">{{ tick.text }}</text>
{% endfor -%}
{% for row in rows -%}
<text x="{{ left - 14 }}" y="{{ row.y + 4 }}" fill="#1f2328" text-anchor="end"\
{% if row.ours %} font-weight="600"{% endif %}>{{ row.title }}</text>
{%- if row.dots %}
<line x1="{{ row.first }}" x2="{{ row.last }}" y1="{{ row.y }}" y2="{{ row.y }}" stroke="#afb8c1" stroke-width="2"/>
{%- for dot in row.dots %}
<circle cx="{{ dot.x }}" cy="{{ row.y }}" r="5" fill="{{ dot.colour }}"><title>{{ dot.text }}</title></circle>
{%- endfor %}
{%- endif %}
{% endfor -%}
<text x="{{ left }}" y="{{ bottom + 36 }}" fill="#57606a">resources a second, warm, log scale</text>
"""


def draw(results: dict[str, Any]) -> str:
    """The figure as a stand-alone SVG on a light background of its own; the same bytes for the same results."""
    views = list(results["views"])
    names = [name for name in BY_NAME if any(name in results["views"][v].get(str(SIZE), {}) for v in views)]
    rates: dict[tuple[str, str], int] = {
        (view, name): results["views"][view][str(SIZE)][name]["resources_per_second"]
        for view in views
        for name in names
        if name in results["views"][view].get(str(SIZE), {})
    }
    low = math.floor(math.log10(min(rates.values(), default=1_000)))
    high = max(math.ceil(math.log10(max(rates.values(), default=1_000_000))), low + 1)

    def x(rate: float) -> float:
        return round(_LEFT + (math.log10(rate) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    def fastest(name: str) -> int:
        return max(rates[view, name] for view in views if (view, name) in rates)

    rows = []
    for i, name in enumerate(sorted(names, key=fastest, reverse=True)):
        dots: list[dict[str, Any]] = [
            {"x": x(rates[view, name]), "colour": _COLOURS[j % 3], "text": f"{view}: {rates[view, name]:,} resources/s"}
            for j, view in enumerate(views)
            if (view, name) in rates
        ]
        places = [dot["x"] for dot in dots]
        contender = BY_NAME[name]
        row = {"title": contender.title, "ours": contender.ours, "y": _TOP + 14 + i * _ROW, "dots": dots}
        rows.append({**row, "first": min(places), "last": max(places)})
    bottom = _TOP + len(rows) * _ROW
    return drawn(
        _TEMPLATE,
        title=f"One view over {SIZE:,} resources, {results['machine']['cores']} cores",
        width=_WIDTH,
        height=bottom + 50,
        left=_LEFT,
        top=_TOP,
        bottom=bottom,
        views=[{"name": v, "colour": _COLOURS[j % 3], "x": _LEFT + j * 140} for j, v in enumerate(views)],
        ticks=[{"x": x(10**power), "text": f"{10**power:,}"} for power in range(low, high + 1)],
        rows=rows,
    )

"""The figure of ``docs/performance-analysis.md``: seconds for every 100,000 subjects, a bar a size. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.shared.figures import drawn

_LEFT, _RIGHT, _TOP, _ROW, _WIDTH = 170, 120, 66, 34, 760
_EACH = 100_000
_COLOURS = ("#0b6e99", "#7a7f85", "#b5541c")
_TEMPLATE = """\
{% for step in steps -%}
<rect x="{{ step.x }}" y="37" width="10" height="10" fill="{{ step.colour }}"/>\
<text x="{{ step.x + 16 }}" y="46" fill="#1f2328">{{ step.name }}</text>
{% endfor -%}
{% for row in rows -%}
<text x="{{ left - 14 }}" y="{{ row.y + 14 }}" fill="#1f2328" text-anchor="end">{{ row.title }}</text>
{%- for bar in row.bars %}
<rect x="{{ bar.x }}" y="{{ row.y }}" width="{{ bar.width }}" height="20" fill="{{ bar.colour }}"/>
{%- endfor %}
<text x="{{ row.end + 8 }}" y="{{ row.y + 14 }}" fill="#57606a" font-size="12">{{ row.text }}</text>
{% endfor -%}
<text x="{{ left }}" y="{{ height - 14 }}" fill="#57606a">seconds for each 100,000 subjects; bars of one length: time \
grows with the subjects</text>
"""


def draw(results: Mapping[str, Any]) -> str:
    """The figure as a stand-alone SVG on a light background of its own; the same bytes for the same results."""
    ours = [(one["subjects"], one["who"]["bedside"]) for one in results["sizes"]]
    names = list(ours[0][1]["steps"])
    longest = max(took["seconds"] / subjects for subjects, took in ours)
    rows = []
    for place, (subjects, took) in enumerate(ours):
        at, bars = float(_LEFT), []
        for colour, name in zip(_COLOURS, names, strict=True):
            width = round(took["steps"][name] / subjects / longest * (_WIDTH - _LEFT - _RIGHT), 1)
            bars.append({"x": round(at, 1), "width": width, "colour": colour})
            at += width
        rows.append(
            {
                "title": f"{subjects:,} subjects",
                "y": _TOP + place * _ROW,
                "bars": bars,
                "end": round(at, 1),
                "text": f"{took['seconds'] / subjects * _EACH:.1f} s",
            }
        )
    starts = (16, 130, 400)
    return drawn(
        _TEMPLATE,
        title=f"Derivation and comparison, {results['machine']['cores']} cores",
        width=_WIDTH,
        height=_TOP + len(rows) * _ROW + 34,
        left=_LEFT,
        rows=rows,
        steps=[{"x": x, "colour": c, "name": n} for x, c, n in zip(starts, _COLOURS, names, strict=True)],
    )

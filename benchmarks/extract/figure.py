"""The figure of ``docs/performance-extract.md``: resources a second on the sample, a bar for each server. Pure."""

from __future__ import annotations

from typing import Any

from benchmarks.extract.contenders import CONTENDERS
from benchmarks.shared.figures import drawn

_LEFT, _RIGHT, _TOP, _ROW, _WIDTH = 200, 90, 66, 40, 760
_COLOURS = {"pages": "#b5541c", "sandbox": "#0b6e99"}
_NAMES = {"pages": "from prepared pages", "sandbox": "from the sandbox"}
_TEMPLATE = """\
{% for server in servers -%}
<rect x="{{ server.x }}" y="37" width="10" height="10" fill="{{ server.colour }}"/>\
<text x="{{ server.x + 16 }}" y="46" fill="#1f2328">{{ server.name }}</text>
{% endfor -%}
{% for row in rows -%}
<text x="{{ left - 14 }}" y="{{ row.y + 4 }}" fill="#1f2328" text-anchor="end"\
{% if row.ours %} font-weight="600"{% endif %}>{{ row.title }}</text>
{%- for bar in row.bars %}
<rect x="{{ left }}" y="{{ bar.y }}" width="{{ bar.width }}" height="12" fill="{{ bar.colour }}"/>\
<text x="{{ left + bar.width + 6 }}" y="{{ bar.y + 10 }}" fill="#57606a" font-size="11">{{ bar.text }}</text>
{%- endfor %}
{% endfor -%}
<text x="{{ left }}" y="{{ height - 14 }}" fill="#57606a">resources a second</text>
"""


def draw(results: dict[str, Any]) -> str:
    """The figure as a stand-alone SVG on a light background of its own; the same bytes for the same results."""
    at = results["measured"].get("sample", {})
    servers = [server for server in _NAMES if server in at]
    longest = max((one["resources_per_second"] for server in servers for one in at[server].values()), default=1)
    rows = []
    for contender in CONTENDERS:
        if not any(contender.name in at[server] for server in servers):
            continue
        y = _TOP + 18 + len(rows) * _ROW
        bars = [
            {
                "y": y - 14 + 14 * i,
                "width": round(
                    at[server][contender.name]["resources_per_second"] / longest * (_WIDTH - _LEFT - _RIGHT), 1
                ),
                "colour": _COLOURS[server],
                "text": f"{at[server][contender.name]['resources_per_second']:,}",
            }
            for i, server in enumerate(servers)
            if contender.name in at[server]
        ]
        rows.append({"title": contender.title, "ours": contender.kind == "ours", "y": y, "bars": bars})
    return drawn(
        _TEMPLATE,
        title=f"Fetching the sample, {results['machine']['cores']} cores",
        width=_WIDTH,
        height=_TOP + len(rows) * _ROW + 34,
        left=_LEFT,
        rows=rows,
        servers=[{"x": _LEFT + i * 180, "colour": _COLOURS[s], "name": _NAMES[s]} for i, s in enumerate(servers)],
    )

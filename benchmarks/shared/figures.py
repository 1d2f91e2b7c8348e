"""The frame that the figures of the benchmarks have in common: a stand-alone SVG on a light background of its own."""

from __future__ import annotations

from jinja2 import Environment, StrictUndefined

OPENING = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" width="{{ width }}" \
height="{{ height }}" role="img" aria-label="{{ title }}" font-family="system-ui, sans-serif" font-size="13">
<title>{{ title }}</title>
<rect width="{{ width }}" height="{{ height }}" rx="6" fill="#ffffff" stroke="#d0d7de"/>
<text x="16" y="24" fill="#1f2328" font-size="15" font-weight="600">{{ title }}</text>
"""


def drawn(body: str, **values: object) -> str:
    """A figure: the frame of ``title``, ``width`` and ``height``, then ``body``, both filled with ``values``."""
    return (
        Environment(autoescape=True, undefined=StrictUndefined).from_string(f"{OPENING}{body}</svg>\n").render(values)
    )

"""Templates and style sheet as the pages read them, and the policy that lets in nothing but that style sheet."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined


def content_policy(style: str) -> str:
    """The page's Content-Security-Policy: nothing but its own style sheet, by hash, and data images."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def read(name: str) -> str:
    """The text of a file of this package."""
    return (files("analysis.report") / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Jinja2 with autoescape, where a name that was not given is an error."""
    return Environment(
        loader=FunctionLoader(lambda name: read(f"templates/{name}")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

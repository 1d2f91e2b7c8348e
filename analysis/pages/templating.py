"""Templates, style sheets and scripts as the pages read them, and the policy that lets in nothing but those."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined


def content_policy(style: str, script: str = "") -> str:
    """A page's Content-Security-Policy: nothing but its own style sheet and script, by hash, and data images."""
    allowed = f"; script-src '{_digest(script)}'" if script else ""
    styled = f"default-src 'none'; style-src '{_digest(style)}'; img-src data:{allowed}"
    return f"{styled}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def read(package: str, name: str) -> str:
    """The text of a file of a package."""
    return (files(package) / name).read_text(encoding="utf-8")


@cache
def style(package: str) -> str:
    """The style sheet of a package's pages: what all pages share, then its own ``style.css``."""
    return read("analysis.pages", "base.css") + read(package, "style.css")


@cache
def environment(package: str) -> Environment:
    """Jinja2 on a package's ``templates/`` with autoescape, where a name that was not given is an error."""
    return Environment(
        loader=FunctionLoader(lambda name: read(package, f"templates/{name}")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

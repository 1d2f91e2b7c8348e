"""The blanks of a study made from the template: what its author has not yet said, with the line."""

from __future__ import annotations

import re

from mappings.errors import Problem

_BLANK = re.compile(r'"FILL IN(?:: ([^"]*))?"')


def blanks(text: str, file: str) -> list[Problem]:
    """Every blank of a TOML or JSON text, in order; one in a comment is none."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        told = "" if line.lstrip().startswith("#") else line
        found += [Problem(_said(match[1]), line=number, file=file) for match in _BLANK.finditer(told)]
    return found


def _said(asked: str | None) -> str:
    return f"is still to be filled in: {asked}" if asked else "is still to be filled in"

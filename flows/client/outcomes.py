"""Severity and code of an OperationOutcome's issues. Its sentences are left alone: they may name patients."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SAFE_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")
UNKNOWN = "unknown"

Issues = tuple[tuple[str, str], ...]


def issues_of(body: bytes) -> Issues | None:
    """(severity, code) of each issue, ``unknown`` where one says nothing usable; None for what is no
    OperationOutcome."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("resourceType") != "OperationOutcome":
        return None
    return coded(said, UNKNOWN) or ((UNKNOWN, UNKNOWN),)


def coded(outcome: Mapping[str, Any], unusable: str) -> Issues:
    """(severity, code) of each issue of a parsed OperationOutcome; ``unusable`` stands for what is no code."""
    issues = outcome.get("issue")
    made = [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []
    return tuple((_word(issue.get("severity"), unusable), _word(issue.get("code"), unusable)) for issue in made)


def codes_of(body: bytes) -> tuple[str, ...]:
    """The codes of the issues, each once; empty for what is no OperationOutcome."""
    return tuple(dict.fromkeys(code for _, code in issues_of(body) or ()))


def with_codes(reason: str, codes: tuple[str, ...]) -> str:
    """A reason with the codes of an OperationOutcome behind it."""
    return " ".join([reason, *codes[:5]])


def _word(value: Any, unusable: str) -> str:
    return value if isinstance(value, str) and _SAFE_CODE.fullmatch(value) else unusable

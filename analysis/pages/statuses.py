"""The words and signs of a check's status: a colour alone never says it."""

from __future__ import annotations

WORDS = {
    "PASS": "passed",
    "PASS_WITH_VIOLATIONS": "passed with violations under the threshold",
    "FAIL": "failed",
    "ERROR": "could not be computed",
    "NOT_APPLICABLE": "not applicable",
}
SIGNS = {"PASS": "\u2713", "PASS_WITH_VIOLATIONS": "\u25d0", "FAIL": "\u2717", "ERROR": "!", "NOT_APPLICABLE": "\u25cb"}

"""What a judge says of a resource, and the OperationOutcome that says it beside the quarantined line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import orjson

LANDING_LINE = "https://bedside.example/fhir/StructureDefinition/landing-line"


@dataclass(frozen=True)
class Finding:
    """One rule a resource breaks and the element it breaks it at; never a value.

    ``code`` is of R4's issue types. Rules of our own: ``not-json``, ``not-a-resource``, ``wrong-type-for-file``,
    ``unknown-type``, ``superseded-version``, ``cannot-be-judged``; the others are the judge's.
    """

    rule: str
    path: str
    code: str = "invalid"


class Judge(Protocol):
    """Decides whether a resource is a valid R4 resource of its type.

    A judge is made inside the worker process by a factory that can be pickled (a class, usually), so it may hold
    compiled models or schemas.
    """

    def __call__(self, resource_type: str, resource: dict[str, Any], text: bytes, /) -> Sequence[Finding]:
        """The rules broken, none for a valid resource. ``resource`` is ``text`` parsed."""
        ...


@runtime_checkable
class JudgesTogether(Protocol):
    """A judge that can also say of several resources at once that all are valid, which is quicker."""

    def all_surely_valid(self, resource_type: str, resources: list[Any], /) -> bool:
        """Whether all are valid resources of the type. False says nothing: then each is judged by itself."""
        ...


def outcome_line(findings: Sequence[Finding], resource_type: str, file: str, line: int) -> bytes:
    """One OperationOutcome as a line: an issue for each finding, and where in landing the resource stands."""
    return orjson.dumps(
        {
            "resourceType": "OperationOutcome",
            "extension": [
                {
                    "url": LANDING_LINE,
                    "extension": [
                        {"url": "type", "valueString": resource_type},
                        {"url": "file", "valueString": file},
                        {"url": "line", "valuePositiveInt": line},
                    ],
                }
            ],
            "issue": [
                {
                    "severity": "error",
                    "code": finding.code,
                    "diagnostics": f"{finding.rule}: {finding.path}",
                    "expression": [finding.path],
                }
                for finding in findings
            ],
        }
    )

"""The judge that decides in the end: fhir.resources' R4B models, whose messages are reduced to rule and path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flows.acceptance.findings import Finding

# An unknown element's name is shown only where it looks like an element's name: a key might be anything.
_ELEMENT_NAME = re.compile(r"_?[a-z][A-Za-z]{0,49}")
_ISSUE_CODE = {
    "missing": "required",
    "extra_forbidden": "structure",
    "list_type": "structure",
    "dict_type": "structure",
}
# fhir.resources puts everything but pydantic's own rules under ``value_error``; its fixed sentences tell them apart.
_VALUE_RULES = (
    ("but got multiple", "more-than-one-choice", "structure"),
    ("Expect any of field value", "no-choice", "required"),
    ("does not match spec regex", "value-format", "value"),
    ("timezone aware", "time-without-zone", "value"),
)


class ModelsJudge:
    """Judge by fhir.resources (R4B stands in for R4: its everyday types are the same)."""

    def __init__(self) -> None:
        from fhir.resources.R4B import get_fhir_model_class

        self._model_of_name = get_fhir_model_class
        self._models: dict[str, Any] = {}

    def __call__(self, resource_type: str, resource: dict[str, Any], _text: bytes, /) -> Sequence[Finding]:
        """The rules broken, none for a valid resource."""
        from pydantic import ValidationError

        try:
            model = self._models.get(resource_type) or self._model(resource_type)
        except (KeyError, ValueError):
            return (Finding("unknown-type", resource_type, "not-supported"),)
        try:
            model.model_validate(resource)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False, include_context=False)
            return tuple(dict.fromkeys(_finding(resource_type, one) for one in errors))
        except KeyError:
            # A type without a model inside a Bundle or ``contained``.
            return (Finding("unknown-type", f"{resource_type}.contained", "not-supported"),)
        except Exception as error:  # the models' own defects must not end a run
            return (Finding(f"cannot-be-judged ({type(error).__name__})", resource_type, "exception"),)
        return ()

    def _model(self, resource_type: str) -> Any:
        model = self._models[resource_type] = self._model_of_name(resource_type)
        return model


def _finding(resource_type: str, error: Any) -> Finding:
    rule, code = str(error["type"]).replace("_", "-"), _ISSUE_CODE.get(error["type"], "value")
    message = str(error["msg"])
    for phrase, name, issue_code in _VALUE_RULES:
        if phrase in message:
            rule, code = name, issue_code
    return Finding(rule, _path(resource_type, error["loc"]), code)


def _path(resource_type: str, loc: Sequence[str | int]) -> str:
    path = resource_type
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _ELEMENT_NAME.fullmatch(part):
            path += f".{part}"
        elif part != "__root__":
            path += ".?"
    return path

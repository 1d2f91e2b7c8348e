"""The quick judge: what a strict schema accepts is valid; of all else the models give the verdict and the message.

The schemas (`flows.acceptance.strict_schemas`) accept only what the models surely accept, so both judges say the same
of every resource. A resource that passes costs a few microseconds, and the models are imported only once one does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flows.acceptance import schema_file
from flows.acceptance.findings import Finding, Judge
from flows.acceptance.models_judge import ModelsJudge
from flows.acceptance.schema_file import SchemaFile

Validator = Callable[[Any], bool]

# The models take some ten frames of Python a level and give up near 100 levels, earlier where the caller's own stack is
# deep: below this many they are sure to come to an end.
MOST_NESTED = 32


class FastJudge:
    """Judge by schema first, then by the models. With other models than the schemas were made from, by the models."""

    def __init__(self, schemas: SchemaFile | None = None, new_models: Callable[[], Judge] = ModelsJudge) -> None:
        kept = schemas or schema_file.read()
        self._schemas = kept if kept.fits else SchemaFile(kept.made_from, {})
        self._validators: dict[str, Validator] = {}
        self._new_models = new_models
        self._models: Judge | None = None

    def __call__(self, resource_type: str, resource: dict[str, Any], text: bytes, /) -> Sequence[Finding]:
        """The rules broken, none for a valid resource: those of `ModelsJudge`."""
        if self.surely_valid(resource_type, resource, text):
            return ()
        if self._models is None:
            self._models = self._new_models()
        return self._models(resource_type, resource, text)

    def surely_valid(self, resource_type: str, resource: dict[str, Any], text: bytes) -> bool:
        """Whether the models are sure to accept ``resource``, which is ``text`` parsed; False says nothing of it."""
        # No deeper than it has opening braces; only where these are many is the depth looked at.
        if text.count(b"{") > MOST_NESTED and _deeper_than(resource, MOST_NESTED):
            return False
        return self._fits(resource_type, resource)

    def _fits(self, resource_type: str, resource: dict[str, Any]) -> bool:
        validator = self._validators.get(resource_type) or self._compiled(resource_type)
        return validator(resource) and all(map(self._fits_as_it_says, resource.get("contained", ())))

    def _fits_as_it_says(self, resource: Any) -> bool:
        return (
            isinstance(resource, dict)
            and isinstance(resource.get("resourceType"), str)
            and self._fits(resource["resourceType"], resource)
        )

    def _compiled(self, type_: str) -> Validator:
        if not self._schemas.is_resource(type_):
            return _unknown
        import jsonschema_rs

        # The engine without backtracking: no served text can hold up a pattern.
        compiled = jsonschema_rs.Draft202012Validator(
            self._schemas.schema_of(type_), pattern_options=jsonschema_rs.RegexOptions()
        )
        validator: Validator = compiled.is_valid
        self._validators[type_] = validator
        return validator


def _unknown(_: Any) -> bool:
    return False


def _deeper_than(resource: Any, most: int) -> bool:
    """Whether there are more than ``most`` levels of objects and lists."""
    level = [resource]
    for _ in range(most):
        level = [
            value
            for node in level
            for value in (node.values() if isinstance(node, dict) else node)
            if isinstance(value, dict | list)
        ]
        if not level:
            return False
    return True

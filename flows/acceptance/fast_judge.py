"""The quick judge: what a strict schema accepts is valid; of all else the models give the verdict and the message.

The schemas (`flows.acceptance.strict_schemas`) accept only what the models surely accept, so both judges say the same
of every resource. A resource that passes costs a few microseconds, and the models are imported only once one does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flows.acceptance import schema_file
from flows.acceptance.bounded_schemas import bounded
from flows.acceptance.findings import Finding, Judge
from flows.acceptance.models_judge import ModelsJudge
from flows.acceptance.schema_file import SchemaFile

Validator = Callable[[Any], bool]


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
        if self.all_surely_valid(resource_type, [resource]):
            return ()
        if self._models is None:
            self._models = self._new_models()
        return self._models(resource_type, resource, text)

    def all_surely_valid(self, resource_type: str, resources: list[Any], /) -> bool:
        """Whether the models are sure to accept all of them; False says nothing of any."""
        if not self._fit(resource_type, resources):
            return False
        # Of ``contained`` the schema says only that it is a list.
        return all(map(self._contained_fit, [one for one in resources if "contained" in one]))

    def _contained_fit(self, resource: dict[str, Any]) -> bool:
        """Whether what is contained fits the schemas of the types it says; it may not contain anything itself."""
        return all(
            isinstance(one, dict)
            and "contained" not in one
            and isinstance(one.get("resourceType"), str)
            and self._fit(one["resourceType"], [one])
            for one in resource["contained"]
        )

    def _fit(self, type_: str, resources: list[Any]) -> bool:
        validator = self._validators.get(type_) or self._compiled(type_)
        return validator(resources)

    def _compiled(self, type_: str) -> Validator:
        if not self._schemas.is_resource(type_):
            return _unknown
        import jsonschema_rs

        schema = bounded(type_, self._schemas.definitions)
        several = {"$schema": schema.pop("$schema"), "type": "array", "items": {"$ref": schema.pop("$ref")}, **schema}
        # The engine without backtracking: no served text can hold up a pattern.
        compiled = jsonschema_rs.Draft202012Validator(several, pattern_options=jsonschema_rs.RegexOptions())
        validator: Validator = compiled.is_valid
        self._validators[type_] = validator
        return validator


def _unknown(_: Any) -> bool:
    return False

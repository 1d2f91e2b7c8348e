"""The study language as a JSON Schema (draft 2020-12), for editors: made from the models, never written by hand.

It says of a file's shape what JSON Schema can say. Whether a name leads somewhere, and whether a definition can be
answered, only ``bedside study check`` knows. Dates are texts here, because that is what TOML's dates are to an editor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.study.checks import TABLES
from analysis.study.descriptions import DESCRIPTIONS
from analysis.study.model import PopulationStudy, Study

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _one_of(*keys: str) -> list[dict[str, Any]]:
    return [{"required": [key]} for key in keys]


# The rules of the models that stand in validators and not in types.
_RULES: dict[str, dict[str, Any]] = {
    "Requirement": {
        "oneOf": _one_of("list", "covariate", "complete"),
        "dependentRequired": {"list": ["window"], "covariate": ["in"]},
    },
    "Criterion": {"oneOf": _one_of("require", "exclude")},
    "ArmClause": {"oneOf": _one_of("list", "any_of")},
    "Covariate": {
        "oneOf": _one_of("from", "list"),
        "dependentRequired": {"list": ["window"], "cut": ["labels"]},
        "not": {"required": ["levels", "cut"]},
    },
    "EventSource": {"oneOf": _one_of("response", "list", "death")},
    "CensorSource": {"oneOf": _one_of("last", "at")},
}


def study_schema() -> dict[str, Any]:
    """The schema of ``study.toml``; the same bytes for the same models once dumped."""
    comparing = Study.model_json_schema(by_alias=True)
    taking = PopulationStudy.model_json_schema(by_alias=True)
    parts: dict[str, Any] = {**comparing.pop("$defs"), **taking.pop("$defs")}
    parts.pop("Window", None)
    made = {name: _finished(name, part) for name, part in sorted(parts.items())}
    table = made["CodeListUse"]["properties"]["table"]
    one = {"enum": list(TABLES)}
    made["CodeListUse"]["properties"]["table"] = {
        "description": table["description"],
        "anyOf": [one, {"type": "array", "items": one}],
    }
    # Both kinds of study in one table at the root: editors complete keys there and look into no branch.
    root = _finished("Study", comparing)
    whole = _finished("PopulationStudy", taking)
    needed = set(root.pop("required"))
    return {
        "$schema": DIALECT,
        "title": "Bedside study file",
        "description": "What is studied, in whom, how it is measured and how it is compared.",
        **root,
        "properties": {**root["properties"], "population": whole["properties"]["population"]},
        "required": sorted(needed & set(whole["required"])),
        "if": {"required": ["population"]},
        "then": {"propertyNames": {"enum": sorted(whole["properties"])}},
        "else": {"required": sorted(needed)},
        "$defs": made,
    }


def undescribed() -> list[str]:
    """Keys of the language without a description, and descriptions of no key, as MODEL.key."""
    schema = study_schema()
    parts = {**schema["$defs"], "Study": schema}
    keys = {(name, key): value for name, part in parts.items() for key, value in part.get("properties", {}).items()}
    told = {(name, key) for name, part in DESCRIPTIONS.items() for key in part}
    lost = told - set(keys) - {("PopulationStudy", key) for key in PopulationStudy.model_fields}
    return sorted(f"{a}.{b}" for a, b in {k for k, v in keys.items() if "description" not in v} | lost)


def _finished(name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    properties = {
        key: _described(_plain(value), DESCRIPTIONS.get(name, {}).get(key))
        for key, value in part.get("properties", {}).items()
    }
    kept = {key: value for key, value in part.items() if key not in ("title", "description", "properties")}
    return {**kept, "properties": properties, **_RULES.get(name, {})}


def _described(value: dict[str, Any], sentence: str | None) -> dict[str, Any]:
    return {"description": sentence, **value} if sentence else value


def _plain(value: Any) -> Any:
    """Without the titles pydantic makes of names, and without null, which TOML has not."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    out = {key: _plain(item) for key, item in value.items() if key != "title"}
    if out.get("default", 0) is None:
        del out["default"]
    if "anyOf" in out:
        choices = [choice for choice in out["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            del out["anyOf"]
            out = {**choices[0], **out}
        else:
            out["anyOf"] = choices
    return out

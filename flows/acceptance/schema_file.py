"""The schemas kept beside this file, so that a run in which everything passes imports no models.

``make schemas`` writes them anew from the installed models; a test holds the file to those. They stand for the versions
of the packages they name and for no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

Schema = dict[str, Any]

FILE = Path(__file__).with_name("r4b_schemas.json")
# The packages whose models and validators the definitions are made from.
MADE_FROM = ("fhir.resources", "fhir-core")


@dataclass(frozen=True)
class SchemaFile:
    """``definitions`` by type name; they refer to each other as ``#/$defs/<name>``."""

    made_from: Mapping[str, str]
    definitions: Mapping[str, Schema]

    @property
    def fits(self) -> bool:
        """Whether the installed models are those the definitions were made from."""
        return self.made_from == installed()

    def is_resource(self, type_: str) -> bool:
        """Whether there is a definition of this name and it is a resource's."""
        # An ExampleScenario.instance has an element of its own called resourceType.
        return bool(self.definitions.get(type_, {}).get("properties", {}).get("resourceType") == {"const": type_})


def installed() -> dict[str, str]:
    """The installed versions of what definitions are made from."""
    return {name: version(name) for name in MADE_FROM}


def reference(type_: str) -> Schema:
    """A schema that stands for the definition of a type."""
    return {"$ref": f"#/$defs/{type_}"}


def references_of(schema: Any) -> set[str]:
    """The names of the definitions a schema refers to."""
    if isinstance(schema, list):
        return set().union(*map(references_of, schema))
    if not isinstance(schema, dict):
        return set()
    found = set().union(*map(references_of, schema.values()))
    return found | ({schema["$ref"].removeprefix("#/$defs/")} if isinstance(schema.get("$ref"), str) else set())


def read(path: Path = FILE) -> SchemaFile:
    """The schemas as kept."""
    kept = orjson.loads(path.read_bytes())
    return SchemaFile(kept["made_from"], kept["definitions"])


def as_bytes(schemas: SchemaFile) -> bytes:
    """The file's content: one definition a line, so that a change of the models is seen as one."""
    lines = b",\n".join(
        orjson.dumps(name) + b":" + orjson.dumps(definition) for name, definition in schemas.definitions.items()
    )
    return b'{"made_from":%s,"definitions":{\n%s\n}}\n' % (orjson.dumps(dict(schemas.made_from)), lines)


def main() -> None:
    """Write the file from the installed models."""
    from flows.acceptance.strict_schemas import definitions

    FILE.write_bytes(as_bytes(SchemaFile(installed(), definitions())))


if __name__ == "__main__":
    main()

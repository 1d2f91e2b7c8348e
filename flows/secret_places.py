"""A secret as a sites file names it: where it is kept, never what it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_PLACE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:\S.*)")


class Secret:
    """``env:NAME`` or ``file:PATH``. It is fetched when asked for and kept nowhere; printing it shows nothing."""

    __slots__ = ("_reference",)

    def __init__(self, reference: str) -> None:
        self._reference = reference

    def resolve(self, folder: Path | None = None) -> str:
        """The secret itself; a relative file is looked for from ``folder`` (the sites file's).

        Raises:
            SourceError: there is nothing where it should be kept; the message names the place, not the content.
        """
        from flows.client.auth import resolve_secret

        kind, _, place = self._reference.partition(":")
        if kind == "file" and folder is not None:
            return resolve_secret(f"file:{folder / Path(place).expanduser()}")
        return resolve_secret(self._reference)

    def same_place(self, other: Secret) -> bool:
        """Whether both are kept in the same place."""
        return self._reference == other._reference

    def __repr__(self) -> str:
        return "Secret()"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return Secret, (self._reference,)


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and value.startswith("prefect:"):
        raise ValueError("secrets in Prefect blocks are not supported yet: use env:NAME or file:PATH")
    if not isinstance(value, str) or not _PLACE.fullmatch(value):
        raise ValueError(
            "must say where the secret is kept, env:NAME or file:PATH; the secret itself never stands here"
        )
    return Secret(value)


SecretPlace = Annotated[
    Secret,
    BeforeValidator(_secret),
    PlainSerializer(lambda _: "", return_type=str),
    WithJsonSchema({"type": "string"}),
]
"""A model field that holds a :class:`Secret`; dumping the model drops it."""

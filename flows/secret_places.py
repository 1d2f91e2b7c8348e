"""A secret as a sites file names it: where it is kept, never what it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from mappings.errors import SourceError

_PLACE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:\S.*|prefect:secret/[a-z0-9-]+)")
_PREFECT = "prefect"


class Secret:
    """``env:NAME``, ``file:PATH`` or ``prefect:secret/NAME`` (a Prefect block of type Secret). It is fetched when asked
    for and kept nowhere; printing it shows nothing."""

    __slots__ = ("_reference",)

    def __init__(self, reference: str) -> None:
        self._reference = reference

    def resolve(self, folder: Path | None = None) -> str:
        """The secret itself; a relative file is looked for from ``folder`` (the sites file's).

        Raises:
            SourceError: there is nothing where it should be kept; the message names the place, not the content.
        """
        from flows.client.auth import RESOLVERS, resolve_secret

        kind, _, place = self._reference.partition(":")
        if kind == "file" and folder is not None:
            return resolve_secret(f"file:{folder / Path(place).expanduser()}")
        return resolve_secret(self._reference, {**RESOLVERS, _PREFECT: _from_prefect})

    @property
    def is_far(self) -> bool:
        """Whether it is asked for over the network: too slow for every request."""
        return self._reference.startswith(f"{_PREFECT}:")

    def same_place(self, other: Secret) -> bool:
        """Whether both are kept in the same place."""
        return self._reference == other._reference

    def __repr__(self) -> str:
        return "Secret()"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return Secret, (self._reference,)


def _from_prefect(place: str) -> str:
    """The value of a Secret block, as text (a JWK may be kept there as JSON); empty where there is no such block."""
    from prefect.blocks.system import Secret as Block

    value: Any = None
    reached = True
    try:
        # As it was stored: the block's own ``get`` makes a number of a password of digits.
        value = Block.load(place.partition("/")[2], _sync=True).value.get_secret_value()
    except ValueError:
        pass  # there is no such block
    except Exception:  # Prefect's client raises whatever its transport does
        reached = False
    if not reached:
        raise SourceError(f"Prefect cannot be asked for the block that the sites file names ({_PREFECT}:{place})")
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and value.startswith(f"{_PREFECT}:") and not _PLACE.fullmatch(value):
        raise ValueError("must name a Prefect block of type Secret: prefect:secret/NAME (small letters, digits, -)")
    if not isinstance(value, str) or not _PLACE.fullmatch(value):
        raise ValueError(
            "must say where the secret is kept, env:NAME, file:PATH or prefect:secret/NAME; "
            "the secret itself never stands here"
        )
    return Secret(value)


SecretPlace = Annotated[
    Secret,
    BeforeValidator(_secret),
    PlainSerializer(lambda _: "", return_type=str),
    WithJsonSchema({"type": "string"}),
]
"""A model field that holds a :class:`Secret`; dumping the model drops it."""

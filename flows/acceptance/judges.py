"""The judges by the names a user gives them (``--judge``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from flows.acceptance.findings import Judge
from mappings.errors import DefinitionError

JudgeName = Literal["fast", "models"]
JUDGES: tuple[str, ...] = get_args(JudgeName)


def named(name: str) -> JudgeName:
    """The judge a user names: ``fast`` (schemas first) or ``models`` (fhir.resources alone). Both say the same.

    Raises:
        DefinitionError: there is no such judge.
    """
    from mappings.elements import suggestion

    for known in get_args(JudgeName):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise DefinitionError(f"there is no judge {name!r}{suggestion(name, JUDGES)} ({' or '.join(JUDGES)})")


def judge_of(name: JudgeName) -> Callable[[], Judge]:
    """What makes the judge, in whichever process it works."""
    if name == "models":
        from flows.acceptance.models_judge import ModelsJudge

        return ModelsJudge
    from flows.acceptance.fast_judge import FastJudge

    return FastJudge

"""Scripts of faults from a seed, for soaks: the same seed and choice give the same script."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from flows.sandbox.faults.catalogue import EFFECTS, Kind, On
from flows.sandbox.faults.script import Fault, Script
from flows.sandbox.faults.truth import BEGINNINGS, truth_of

SEARCH: tuple[Kind, ...] = ("metadata", "first-page", "later-page")
BULK: tuple[Kind, ...] = ("metadata", "kick-off", "status", "manifest", "file")
_TYPED: tuple[On, ...] = ("page", "first-page", "later-page", "file")
_MOST = 6


def schedule(
    seed: int,
    kinds: Sequence[Kind] = SEARCH,
    types: Sequence[str] = (),
    *,
    losing: bool = True,
    without: Sequence[str] = (),
) -> Script:
    """One to six faults on requests of these kinds.

    types: the resource types a fault may wait for; without them every fault waits for any type. losing: whether faults
    may come that cost data or make a total doubtful; without them a run has to end complete (``Truth.complete``).
    without: names of effects that shall not happen.
    """
    chance = random.Random(f"schedule:{seed}")  # noqa: S311 - a schedule is no secret
    faults: list[Fault] = []
    for _ in range(chance.randint(1, _MOST)):
        fault = _fault(chance, kinds, types, losing, without)
        if fault is not None and (losing or truth_of(Script(faults=(*faults, fault))).complete):
            faults.append(fault)
    return Script(faults=tuple(faults), seed=seed)


def _fault(
    chance: random.Random, kinds: Sequence[Kind], types: Sequence[str], losing: bool, without: Sequence[str]
) -> Fault | None:
    on = chance.choice(list(kinds))
    costs = ("nothing", "retry", "data", "doubt") if losing else ("nothing", "retry")
    fitting = [e for e in EFFECTS.values() if on in e.on and e.cost in costs and e.name not in without]
    if not types:
        fitting = [effect for effect in fitting if effect.name != "bad-record"]  # it names a type
    if not fitting:
        return None
    effect = chance.choice(fitting)
    # A bad record is bad on whichever page it comes.
    given: dict[str, Any] = {"on": "page" if effect.name == "bad-record" else on, "what": effect.name}
    if types and (effect.name in ("bad-record", "export-partial") or (on in _TYPED and chance.random() < 0.5)):
        given["type"] = chance.choice(list(types))
    if on in ("later-page", "file") and effect.name != "bad-record" and chance.random() < 0.4:
        given["number"] = chance.randint(2, 4) if on == "later-page" else chance.randint(1, 2)
    if effect.name != "bad-record":
        given["nth"] = chance.randint(1, 4)
        given["times"] = 1 if effect.name in _ONCE else chance.randint(1, BEGINNINGS)
    if effect.name == "bad-record" or (losing and effect.cost != "nothing" and chance.random() < 0.2):
        given["times"] = 0
    if given["times"] and chance.random() < 0.2:
        given["probability"] = 0.5
    given |= {name: _DRAWS[name](chance) for name in effect.parameters if name in _DRAWS}
    if effect.name == "page-expired":
        given["status"] = chance.choice((404, 410))
    if "retry_after" in effect.parameters:
        given |= chance.choice(_WAITS)
    if effect.name in _FORMS:
        given["to"] = chance.choice(_FORMS[effect.name])
    return Fault(**given)


# What would only be met once more on the way back: a second 401 is a refusal, a second expiry costs a beginning.
_ONCE = ("unauthorized", "page-expired", "restart", "export-fails", "export-expired")


# In every form servers use: over at once, beyond every cap, unreadable, or not said.
_WAITS: tuple[dict[str, Any], ...] = (
    {},
    {"retry_after": "0"},
    {"retry_after": "1"},
    {"retry_after": "99999999"},
    {"retry_after": "soon"},
    {"retry_after_date": 1},
    {"retry_after_ms": 20},
)
_FORMS = {"page-loop": ("self", "first"), "next-relative": ("query", "path", "no-scheme")}

_DRAWS: dict[str, Callable[[random.Random], Any]] = {
    "status": lambda chance: chance.choice((429, 500, 502, 503, 504)),
    "keep": lambda chance: chance.choice((0.0, 0.3, 0.7, 0.99)),
    "announced": lambda chance: chance.random() < 0.5,
    "piece": lambda chance: chance.choice((7, 64, 1000)),
    "entries": lambda chance: chance.randint(1, 3),
    "by": lambda chance: chance.choice((-3, -1, 1, 7)),
    "entry": lambda chance: chance.randint(1, 5),
    "row": lambda chance: chance.randint(1, 200),
    "code": lambda chance: chance.choice(("transient", "exception", "processing")),
    "becomes": lambda _: "Basic",
}

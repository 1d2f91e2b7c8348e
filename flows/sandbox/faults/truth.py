"""What a script allows to be true in the end: whether everything can still arrive, and if not what may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flows.sandbox.faults.script import Fault, Script

PATIENCE = 5  # bad answers in a row that a client is expected to sit out
BEGINNINGS = 2  # times a client begins a search or an export again
# In a file's place these can pass for a file, where the manifest gives no counts: a client need not notice.
_LIKE_A_FILE = ("html", "empty", "outcome")
_BEFORE_SUCCESS = ("any", "metadata", "discovery", "token")
_BEGINS_ANEW = ("page-expired", "restart", "export-fails", "export-expired")
# They meet a request for one type, and forget searches, exports or addresses of every type.
_OF_EVERYBODY = ("restart", "export-fails", "export-expired", "files-expired")

Place = Literal["everything", "pages-from", "entries", "record", "file", "line"]


@dataclass(frozen=True)
class Loss:
    """What may be missing of a type (empty: of any).

    place and number: ``pages-from`` page n of a search on, ``entries`` of page n, the ``record`` in row n, ``file`` n
    of the type, ``line`` of file n; 0 is any page or file. ``unavoidable``: no client can get it, however often it
    asks; else one that begins again could.
    """

    type: str
    place: Place
    number: int
    unavoidable: bool


@dataclass(frozen=True)
class Truth:
    """``losses``: what may be missing. ``doubted``: types whose total is wrong: a client may call them incomplete
    although everything arrived ("" is any type).

    A run is right if what landed is what is served and, without losses and doubts, it says it is complete; or if it
    says it is incomplete and names the type of everything that is missing, each of them allowed by ``may_miss``.
    """

    losses: tuple[Loss, ...]
    doubted: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether a run has to end complete: nothing may be missing and nothing be doubted."""
        return not self.losses and not self.doubted

    @property
    def reachable(self) -> bool:
        """Whether a client that asks as often as it takes can get everything."""
        return not any(loss.unavoidable for loss in self.losses)

    def may_miss(self, resource_type: str) -> bool:
        """Whether something of this type may be missing."""
        return any(loss.type in ("", resource_type) for loss in self.losses)

    def may_doubt(self, resource_type: str) -> bool:
        """Whether a run may call this type incomplete."""
        return self.may_miss(resource_type) or any(type_ in ("", resource_type) for type_ in self.doubted)


def truth_of(script: Script, patience: int = PATIENCE) -> Truth:
    """What a script allows. ``patience`` is how many bad answers in a row a client sits out at least."""
    losses: list[Loss] = []
    doubted: list[str] = []
    retried = [fault for fault in script.faults if _is_retried(fault)]
    sat_out = sum(fault.times for fault in retried) <= patience
    begun_again = sum(fault.times for fault in retried if _begins_anew(fault)) <= BEGINNINGS
    refused = sum(fault.times for fault in retried if fault.what == "unauthorized") <= 1
    for fault in script.faults:
        if fault.effect.cost == "doubt":
            doubted.append(fault.type)
        elif fault in retried:
            if fault.times == 0 or not (sat_out and begun_again and refused):
                losses.append(_loss(fault, fault.lasts))
        elif fault.effect.cost != "nothing":
            losses.append(_loss(fault, fault.lasts))
    return Truth(tuple(dict.fromkeys(losses)), tuple(dict.fromkeys(doubted)))


def _begins_anew(fault: Fault) -> bool:
    """Whether a search or an export is begun again after it: 500 with an OperationOutcome is how a job fails."""
    failed = fault.what == "status" and fault.status == 500 and fault.on in ("status", "manifest", "any")
    return fault.what in _BEGINS_ANEW or failed


def _is_retried(fault: Fault) -> bool:
    """Whether a client asks again after it: of the statuses only those that mean later."""
    if fault.what == "status":
        return fault.status >= 500 or fault.status in (408, 425, 429)
    if fault.what == "unauthorized" and fault.on in _BEFORE_SUCCESS:
        return False  # credentials that never worked are refused, not expired
    if fault.on in ("file", "any") and (fault.what in _LIKE_A_FILE or not fault.announced):
        return False
    return fault.effect.cost == "retry"


def _loss(fault: Fault, unavoidable: bool) -> Loss:
    if fault.what in _OF_EVERYBODY:
        return Loss("", "everything", 0, unavoidable)
    if fault.what == "bad-record":
        return Loss(fault.type, "record", fault.row, unavoidable)
    if fault.what in ("withheld", "wrong-type") and fault.on != "file":
        return Loss(fault.type, "entries", fault.number, unavoidable)
    if fault.what in ("invalid-line", "wrong-type"):
        return Loss(fault.type, "line", fault.number, unavoidable)
    if fault.what == "export-partial" or fault.on == "file":
        return Loss(fault.type, "file", fault.number, unavoidable)
    if fault.on in ("page", "first-page", "later-page"):
        # A bad page costs the pages after it too: they are reached through it.
        first = {"page": fault.number, "first-page": 1, "later-page": fault.number or 2}[fault.on]
        return Loss(fault.type, "pages-from", first, unavoidable)
    return Loss("", "everything", 0, unavoidable)

"""What differs between two runs of a study: subjects by what became of them, figures by their value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive.derived import Derived

Kind = Literal["entered", "left", "exclusion", "arm", "event", "date", "response", "covariate"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""``entered`` and ``left``: the analysed. ``exclusion``: not analysed in either, for another reason. ``date``: of the
index, or of an endpoint whose event stayed what it was."""

_NOT_COVARIATES = frozenset(
    {
        "STUDYID", "USUBJID", "SITEID", "TRT01A", "TRTSDT", "TRTSDTF", "ANL01FL", "EXCLRSN", "DTHFL", "DTHDT", "DTHDTF",
        "LSTALVDT", "LSTALVSRC", "N_SESSIONS", "ARM_SWITCH", "SRCREF",
    }
)  # fmt: skip


@dataclass
class Change:
    """One subject: what changed, as (kind, sentence), and the SRCREF of the changed rows in either run."""

    usubjid: str
    site: str
    what: list[tuple[Kind, str]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)

    def say(self, kind: Kind, sentence: str, *rows: Mapping[Any, Any] | None) -> None:
        """Add a change, with the rows (of before and after) it is seen in."""
        self.what.append((kind, sentence))
        self.named |= {row["SRCREF"] for row in rows if row is not None and isinstance(row.get("SRCREF"), str)}


@dataclass(frozen=True)
class Moved:
    """A figure that is not what it was. A value is None where there is none; ``note`` says why (``NE``, suppressed, or
    that the row is in one of the runs only)."""

    id: str
    before: float | None
    after: float | None
    note: str = ""


Codes = Mapping[str, Collection[int]]


def subject_changes(
    before: Derived, after: Derived, arms: bool = True, competing: tuple[Codes, Codes] = ({}, {})
) -> list[Change]:
    """The subjects that differ, by site and pseudonym. Without ``arms`` no sentence names one. ``competing``: of before
    and after, by endpoint the CNSR of its competing events."""
    old, new = _by_subject(before.adsl), _by_subject(after.adsl)
    times = _by_endpoint(before.adtte), _by_endpoint(after.adtte)
    best = _best(before.adrs), _best(after.adrs)
    found = []
    for usubjid in {**old, **new}:
        was, now = old.get(usubjid), new.get(usubjid)
        change = Change(usubjid, str((now or was or {})["SITEID"]))
        _standing(change, was, now)
        if was is not None and now is not None:
            _arm_and_index(change, was, now, arms)
            _values(change, was, now)
            _endpoints(change, times[0].get(usubjid, {}), times[1].get(usubjid, {}), competing)
            _response(change, best[0].get(usubjid), best[1].get(usubjid))
        if change.what:
            found.append(change)
    return sorted(found, key=lambda one: (one.site, one.usubjid))


def counts(changes: list[Change]) -> dict[Kind, int]:
    """How many subjects each kind of change happened to."""
    return {kind: sum(any(kind == said for said, _ in one.what) for one in changes) for kind in KINDS}


def released_counts(found: Mapping[Kind, int], min_count: int) -> dict[Kind, int | None]:
    """The counts as they may leave the site; None is suppressed.

    The analysed of both runs stand in their results, and differ by those who entered less those who left: where one of
    the two is small, neither is given, not even as 0.
    """
    small = {kind for kind, n in found.items() if 0 < n < min_count}
    if small & {"entered", "left"}:
        small |= {"entered", "left"}
    return {kind: None if kind in small else n for kind, n in found.items()}


def moved(before: pd.DataFrame, after: pd.DataFrame) -> list[Moved]:
    """The figures of two results tables (docs/architecture.md) that differ in value or in why there is none, by id."""
    old, new = _figures(before), _figures(after)
    found = []
    for id_ in sorted({**old, **new}):
        if id_ not in new:
            found.append(Moved(id_, old[id_][0], None, "only before"))
        elif id_ not in old:
            found.append(Moved(id_, None, new[id_][0], "only after"))
        elif old[id_] != new[id_]:
            why = "; ".join(dict.fromkeys(reason for _, reason in (old[id_], new[id_]) if reason))
            found.append(Moved(id_, old[id_][0], new[id_][0], why))
    return found


def _figures(results: pd.DataFrame) -> dict[str, tuple[float | None, str]]:
    """Value and, where there is none, why."""
    rows = zip(results["id"], results["value"], results["warning"], strict=True)
    return {str(id_): (None, str(why)) if value != value else (float(value), "") for id_, value, why in rows}


def _by_subject(frame: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    return {row["USUBJID"]: row for row in frame.to_dict("records")}


def _by_endpoint(adtte: pd.DataFrame) -> dict[str, dict[str, dict[Any, Any]]]:
    found: dict[str, dict[str, dict[Any, Any]]] = {}
    for row in adtte.to_dict("records"):
        found.setdefault(row["USUBJID"], {})[row["PARAMCD"]] = row
    return found


def _best(adrs: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    return _by_subject(adrs[adrs["PARAMCD"] == "BOR"])


def _standing(change: Change, was: Mapping[Any, Any] | None, now: Mapping[Any, Any] | None) -> None:
    analysed = [row is not None and row["ANL01FL"] == "Y" for row in (was, now)]
    old, new = _why_not(was), _why_not(now)
    if analysed == [False, True]:
        change.say("entered", f"was {old}", was, now)
    elif analysed == [True, False]:
        change.say("left", f"is {new}", was, now)
    elif analysed == [False, False] and old != new:
        change.say("exclusion", f"is {new}, was {old}", was, now)


def _why_not(row: Mapping[Any, Any] | None) -> str:
    return "not screened" if row is None else f"excluded by {row['EXCLRSN']}"


def _arm_and_index(change: Change, was: Mapping[Any, Any], now: Mapping[Any, Any], arms: bool) -> None:
    if not _same(was["TRT01A"], now["TRT01A"]):
        named = f" from {was['TRT01A'] or 'none'} to {now['TRT01A'] or 'none'}" if arms else ""
        change.say("arm", f"changed arm{named}", was, now)
    if not _same(was["TRTSDT"], now["TRTSDT"]):
        change.say("date", f"index date from {_day(was['TRTSDT'])} to {_day(now['TRTSDT'])}", was, now)


def _values(change: Change, was: Mapping[Any, Any], now: Mapping[Any, Any]) -> None:
    for name in now:
        covariate = name in was and name not in _NOT_COVARIATES and not name.endswith(("_day", "_cat"))
        if covariate and not _same(was[name], now[name]):
            change.say("covariate", f"{name} from {_text(was[name])} to {_text(now[name])}")


def _endpoints(change: Change, was: Mapping[str, Any], now: Mapping[str, Any], competing: tuple[Codes, Codes]) -> None:
    from analysis.derive.source_rows import endpoint_text

    for name in sorted(was.keys() & now.keys()):
        old, new = was[name], now[name]
        said = [endpoint_text(row, of.get(name, ())) for row, of in zip((old, new), competing, strict=True)]
        what = f"{name} from {said[0]} to {said[1]}"
        if (old["CNSR"], old["EVNTDESC"]) != (new["CNSR"], new["EVNTDESC"]):
            change.say("event", what, old, new)
        elif not (_same(old["ADT"], new["ADT"]) and _same(old["AVAL"], new["AVAL"])):
            change.say("date", what, old, new)


def _response(change: Change, was: Mapping[Any, Any] | None, now: Mapping[Any, Any] | None) -> None:
    old, new = (None if row is None else row["AVALC"] for row in (was, now))
    if not _same(old, new):
        change.say("response", f"best response from {_text(old)} to {_text(new)}", was, now)


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or bool(pd.isna(value))


def _same(one: Any, other: Any) -> bool:
    return (_missing(one) and _missing(other)) or (not _missing(one) and not _missing(other) and bool(one == other))


def _text(value: Any) -> str:
    return "missing" if _missing(value) else f"{value:g}" if isinstance(value, float) else str(value)


def _day(value: Any) -> str:
    from analysis.derive.source_rows import day_text

    return day_text(value) or "none"


def kinds_in_words(found: Mapping[Kind, int | None]) -> Iterator[str]:
    """`2 entered`, `suppressed left`… of those that are not 0."""
    for kind, n in found.items():
        if n is None or n:
            yield f"{'suppressed' if n is None else n} {kind}"

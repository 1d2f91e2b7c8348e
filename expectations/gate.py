"""The gate: from outcomes to what happens. A site is held, the study stops, subjects are dropped, or all goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from expectations.model import Check, Finding
from expectations.outcomes import Outcome, outcome

SITE_HELD = "site-held"
"""EXCLRSN of the subjects of a site that is held."""
SITE_HELD_WORDS = "a check holds the subject's whole site"


@dataclass(frozen=True)
class Override:
    """Somebody lets a check that stops pass until a day: ``site`` and ``table`` empty mean every one.

    ``up_to``: the percentage of violations it was given for; ``errors``: also where the check could not be computed.
    """

    check: str
    name: str
    reason: str
    expires: date
    site: str = ""
    table: str = ""
    up_to: float = 100.0
    errors: bool = False

    def covers(self, one: Outcome, today: date) -> bool:
        """Whether it speaks of this outcome and has not expired; it holds to the end of its day."""
        found = one.finding
        asked = self.check == one.check.id and self.site in ("", found.site) and self.table in ("", found.table)
        few = 100 * found.numerator <= self.up_to * found.denominator
        agreed = self.errors if one.status == "ERROR" else few
        return asked and agreed and today <= self.expires

    def __str__(self) -> str:
        return f"{self.name}, until {self.expires.isoformat()}: {self.reason}"


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    ``stops``: sentences that stop the study. ``held``: sentences by site. ``dropped``: a subject's key to the check
    that removes it. ``outcomes``: as they came, with who overrides them, and the gate's own check at the end.
    """

    outcomes: tuple[Outcome, ...]
    stops: tuple[str, ...]
    held: Mapping[str, tuple[str, ...]]
    dropped: Mapping[str, str]


def verdict(
    outcomes: Iterable[Outcome],
    screened: Mapping[str, Collection[str]],
    limit: Check | None,
    overrides: Sequence[Override] = (),
    today: date = date.min,
) -> Verdict:
    """Decide.

    ``screened``: the keys of the subjects by site, every site of the run in it. ``limit``: the check on the share of
    them that checks drop, or None where nothing is compared. Where every site is held, the study stops; nobody of a
    site that is held is dropped, whatever a check of the whole study asks.
    """
    judged = [_overridden(one, overrides, today) for one in outcomes]
    held: dict[str, list[str]] = {}
    stops: list[str] = []
    for one in judged:
        if one.stops and not one.overridden:
            to_site = one.finding.site and one.check.scope == "site"
            (held.setdefault(one.finding.site, []) if to_site else stops).append(_sentence(one))
    if held and set(held) >= set(screened):
        stops += [line for lines in held.values() for line in lines]
    gone = {key for site in held for key in screened.get(site, ())}
    dropped = {key: check for key, check in _dropped(judged).items() if key not in gone}
    if limit is not None:
        left = sum(len(keys) for site, keys in screened.items() if site not in held)
        last = _overridden(
            outcome(limit, Finding(limit.id, limit.table, left, len(dropped)), dropped), overrides, today
        )
        judged.append(last)
        if last.stops and not last.overridden:
            by_check = ", ".join(sorted(set(dropped.values())))
            stops.append(
                f"{by_check}: {len(dropped)} of {left} screened subjects would be dropped, "
                f"more than {limit.threshold:g} %"
            )
    return Verdict(tuple(judged), tuple(stops), {site: tuple(lines) for site, lines in held.items()}, dropped)


def _dropped(outcomes: Iterable[Outcome]) -> dict[str, str]:
    dropped: dict[str, str] = {}
    for one in outcomes:
        if one.status == "FAIL" and one.check.action == "drop":
            for key in one.keys:
                dropped.setdefault(key, one.check.id)
    return dropped


def _overridden(one: Outcome, overrides: Sequence[Override], today: date) -> Outcome:
    if not one.stops:
        return one
    said = next((override for override in overrides if override.covers(one, today)), None)
    return one if said is None else replace(one, overridden=str(said))


def _sentence(one: Outcome) -> str:
    found = one.finding
    where = f"{found.table} of {found.site}" if found.site else found.table
    what = found.error or f"{found.numerator} of {found.denominator}; {one.check.reason}"
    return f"{one.check.id} ({where}): {what}"

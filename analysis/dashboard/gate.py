"""Whether each site's data of the newest run may be used: open, overridden, held, or nothing there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from analysis.dashboard import clock
from analysis.dashboard.grid import Grid
from analysis.dashboard.profiles import Profiles

NOT_WHOLE = "did not land whole"
_DATE = re.compile(r"\b(\d{4}-\d{2}-\d{2})\b")


@dataclass(frozen=True)
class Flagged:
    """What a cell says, and under it why it needs a look; nothing where it does not."""

    text: str
    flag: str = ""
    note: str = ""


@dataclass(frozen=True)
class Gate:
    """``state``: ``open``, ``overridden``, ``held`` or ``nothing``. ``stops``: lines of the grid that stop the site;
    ``overrides``: what the override of a check that would stop says, once each. ``whole``: all that was asked of the
    site landed."""

    site: str
    state: str
    stops: tuple[int, ...] = ()
    overrides: tuple[str, ...] = ()
    whole: bool = True

    @property
    def usable(self) -> bool:
        return self.state in ("open", "overridden")

    @property
    def shown(self) -> str:
        """The state whose sign and colour it has: what is open and not whole is not as green as the rest."""
        return "overridden" if self.state == "open" and not self.whole else self.state


def gates(grid: Grid, found: Profiles) -> list[Gate]:
    """One a site, in the order of the file. A check that stops the study holds every site."""
    whole = study_stops(grid)
    made = []
    for at, site in enumerate(grid.sites):
        lines = [i for i, key in enumerate(grid.keys) if key.site == site]
        stops = tuple(i for i in lines if grid.stops[i, -1])
        overrides = [str(grid.latest[i].get("overridden") or "") for i in lines]
        said = tuple(dict.fromkeys(text for text in overrides if text))
        ran = any(grid.status[i, -1] for i in lines)
        if stops or whole:
            state = "held"
        elif not ran or found.nothing[at, -1]:
            state = "nothing"
        else:
            state = "overridden" if said else "open"
        made.append(Gate(site, state, stops, said, site not in grid.newest.missing))
    return made


def study_stops(grid: Grid) -> tuple[int, ...]:
    """The lines that stop the whole study."""
    return tuple(i for i, key in enumerate(grid.keys) if not key.site and grid.stops[i, -1])


def study_overrides(grid: Grid) -> tuple[str, ...]:
    """What overrides of checks on the whole study say."""
    said = (str(grid.latest[i].get("overridden") or "") for i, key in enumerate(grid.keys) if not key.site)
    return tuple(dict.fromkeys(text for text in said if text))


def gate_words(gate: Gate) -> Flagged:
    """``open``, ``held``…, and an override's end in words; flagged where the site did not land whole."""
    short = "" if gate.whole else NOT_WHOLE
    if gate.state == "held":
        return Flagged("held", "; ".join(["data are not used", *([short] if short else [])]))
    if gate.state == "nothing":
        return Flagged("nothing to use", short or "no data in this run")
    if gate.state == "overridden":
        ends = sorted(match for text in gate.overrides for match in _DATE.findall(text))
        until = f"overridden until {clock.day(date.fromisoformat(ends[0]))}" if ends else "overridden"
        return Flagged(until, short, "; ".join(gate.overrides))
    return Flagged("open", short)

"""What a site tells the derivation about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class SiteRules:
    """``deaths_complete_to``: the day up to which the site knows all deaths (a register), None where it does not.

    ``timezone``: the IANA name of the zone whose calendar days count there, None to read every day as it is written.
    """

    deaths_complete_to: date | None = None
    timezone: str | None = None

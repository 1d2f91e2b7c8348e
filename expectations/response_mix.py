"""Best responses at one site beside those at all others: a different mix is another way of reading scans, or other
patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.model import Finding
from expectations.shifts import moved

if TYPE_CHECKING:
    import pandas as pd

CHECK = "response_mix_against_other_sites"
LEAST = 20
"""Responses that a site, and the others together, must have to be compared."""


def response_mix(responses: pd.DataFrame, sites: Sequence[str]) -> list[Finding]:
    """One finding a site: of its best responses, how many would have to be others for the mix of the other sites.

    ``responses`` has SITEID and AVALC, one row a subject. Where a side has fewer than ``LEAST`` nothing is asked.
    """
    known = responses[responses["AVALC"].notna()]
    found = []
    for site in sites:
        here, others = known[known["SITEID"] == site], known[known["SITEID"] != site]
        if min(len(here), len(others)) < LEAST:
            found.append(Finding(CHECK, "responses", 0, 0, site=site))
            continue
        mix, usual = (dict(rows["AVALC"].value_counts()) for rows in (here, others))
        found.append(Finding(CHECK, "responses", len(here), moved(mix, usual), site=site))
    return found

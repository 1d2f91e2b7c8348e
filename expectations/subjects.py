"""What checks cost in subjects, outcome by outcome: whom each touches and removes, and who is left at each site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from expectations.outcomes import Outcome

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study.model import Study

RESPONSE = "response"
TOUCHED = ("run", "check_id", "table", "site", "outcome", "subjects", "lost")
SUBJECTS = ("run", "site", "outcome", "screened", "analysed", "dropped", "usable", "lost")


def usable(study: Study, adsl: pd.DataFrame, adrs: pd.DataFrame, adtte: pd.DataFrame) -> dict[str, frozenset[str]]:
    """The keys of the analysed subjects with a usable value, by outcome: an evaluable best response, or a time that is
    not negative with its flag. ``adsl`` is as derived, before checks drop anybody."""
    analysed = set(adsl.loc[adsl["ANL01FL"] == "Y", "USUBJID"])
    found: dict[str, frozenset[str]] = {}
    if study.response is not None:
        best = adrs[(adrs["PARAMCD"] == "BOR") & adrs["AVALC"].isin(study.response.order)]
        found[RESPONSE] = frozenset(analysed & set(best["USUBJID"]))
    for endpoint in study.endpoint:
        rows = adtte[(adtte["PARAMCD"] == endpoint.id) & (adtte["AVAL"] >= 0) & adtte["CNSR"].notna()]
        found[endpoint.id] = frozenset(analysed & set(rows["USUBJID"]))
    return found


def touched(
    outcomes: Iterable[Outcome], removed: Mapping[str, str], values: Mapping[str, frozenset[str]], run: str
) -> pd.DataFrame:
    """Rows of ``TOUCHED`` for every check, table, site and outcome that touches an analysed subject with a value.

    ``removed`` maps a key to the check that removes the subject.
    """
    import pandas as pd

    rows = []
    for one in outcomes:
        for name, having in values.items():
            keys = having & set(one.keys)
            if keys:
                lost = sum(removed.get(key) == one.check.id for key in keys)
                rows.append((run, one.check.id, one.finding.table, one.finding.site, name, len(keys), lost))
    frame = pd.DataFrame(rows, columns=list(TOUCHED))
    return frame.astype({"subjects": "int64", "lost": "int64"})


def left(
    adsl: pd.DataFrame,
    removed: Mapping[str, str],
    values: Mapping[str, frozenset[str]],
    sites: Iterable[str],
    run: str,
) -> pd.DataFrame:
    """Rows of ``SUBJECTS``, one a site and outcome: ``lost`` are analysed by the study's rules and give no value, or
    are removed by checks (of a site that is held: all)."""
    import pandas as pd

    rows = []
    for site in sites:
        here = adsl[adsl["SITEID"] == site]
        eligible = set(here.loc[here["ANL01FL"] == "Y", "USUBJID"])
        dropped = eligible & set(removed)
        for name, having in values.items():
            kept = (eligible & having) - dropped
            lost = len(eligible) - len(kept)
            rows.append((run, site, name, len(here), len(eligible) - len(dropped), len(dropped), len(kept), lost))
    frame = pd.DataFrame(rows, columns=list(SUBJECTS))
    return frame.astype(dict.fromkeys(SUBJECTS[3:], "int64"))

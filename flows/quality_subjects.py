"""Checks on analysis tables: frames to Great Expectations, outcomes by site, and the rows of subjects that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from analysis.study.model import Study
from expectations.by_site import split
from expectations.catalogue import Asked, analysis_checks, can_be_asked
from expectations.model import Check, Finding
from expectations.outcomes import Outcome, outcome
from expectations.response_mix import response_mix

if TYPE_CHECKING:
    import pandas as pd

    from analysis.derive import Derived


def judge_subjects(
    study: Study,
    derived: Derived,
    asked: Asked,
    sites: Sequence[str],
    known: frozenset[str],
    people: Mapping[str, str],
    today: date | None = None,
) -> tuple[list[Outcome], pd.DataFrame]:
    """Judge the analysis tables whole, and give each check's outcome a site.

    ``known``: the keys of all patients in the patient table; ``people``: sex and birth date by key, as
    ``analysis_frames`` takes them; ``today``: the day of the extract. Returns outcomes, and the failing rows:
    check_id, table, site, usubjid, resource.
    """
    import pandas as pd

    from expectations.frames import FRAMES, analysis_frames
    from expectations.gx import judge

    # Frames that share columns share their memory: a cohort of a million is in a dozen of them.
    with pd.option_context("mode.copy_on_write", True):
        tables = (derived.adsl, derived.adrs, derived.adtte, derived.analysis_table)
        frames = analysis_frames(study, *tables, known, people, today)
        sets = {
            "@arms": [arm.label for arm in study.arm],
            "@responses": [*study.response.order, "NE"] if study.response else [],
        }
        of_sites = [(check, [site]) for site in sites for check in asked.own_of(site) if can_be_asked(study, check)]
        checks = [(check, list(sites)) for check in analysis_checks(study, asked) if check.table in frames] + [
            (check, where) for check, where in of_sites if check.table in frames
        ]
        outcomes: list[Outcome] = []
        failing: list[pd.DataFrame] = []
        named = {check.table for check, _ in checks}
        # In the order of FRAMES: covariates, the longest, come before endpoints, which stay because others are made
        # from them.
        for table in (name for name in FRAMES if name in named):
            here = [(check, where) for check, where in checks if check.table == table]
            frame = _narrow(frames[table], [check for check, _ in here])
            for (check, where), found in zip(here, judge(frame, [check for check, _ in here], sets), strict=True):
                for one in split(frame, check, found, where):
                    rows = frame.iloc[list(one.rows)]
                    outcomes.append(outcome(asked.at(check.id, one.site), one, _keys(rows)))
                    failing.append(_rows(rows, check, one))
        # In the order of the catalogue: a subject that several checks drop is the first one's.
        place = {check.id: at for at, (check, _) in enumerate(checks)}
        outcomes.sort(key=lambda one: place[one.check.id])
        for check in asked.checks.values():
            if check.table in FRAMES and not check.raw and check.rule.kind != "gate" and not can_be_asked(study, check):
                nowhere = [""] if check.scope == "study" else list(sites)
                outcomes += [outcome(check, Finding(check.id, check.table, 0, 0, site=site)) for site in nowhere]
        if study.response is not None:
            found_mixes = response_mix(frames["responses"], sites)
            outcomes += [outcome(asked.at(one.check_id, one.site), one) for one in found_mixes]
        return outcomes, pd.concat(failing, ignore_index=True)


def _narrow(frame: pd.DataFrame, checks: Sequence[Check]) -> pd.DataFrame:
    """Only the columns the checks ask for, and those that say whose row it is."""
    asked = {getattr(check.rule, key, None) for check in checks for key in ("column", "other")}
    kept = [column for column in frame.columns if column in asked | {"USUBJID", "SITEID", "SRCREF"}]
    return frame[kept].reset_index(drop=True)


def _keys(rows: pd.DataFrame) -> list[str]:
    return sorted(set(rows["USUBJID"])) if "USUBJID" in rows else []


def _rows(rows: pd.DataFrame, check: Check, found: Finding) -> pd.DataFrame:
    import pandas as pd

    if "USUBJID" not in rows:
        rows = rows.iloc[:0]
    said: dict[str, Any] = {
        "check_id": check.id,
        "table": found.table,
        "site": rows.get("SITEID", found.site),
        "usubjid": rows.get("USUBJID", None),
        "resource": rows.get("SRCREF", None),
    }
    return pd.DataFrame(said, index=rows.index).reset_index(drop=True)

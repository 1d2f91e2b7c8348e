"""The frames that checks on analysis tables look at: joined and recomputed, because a check sees one table only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from analysis.derive.response import site_lists
from analysis.study.model import Endpoint, Study
from expectations import further_frames as further
from expectations.further_frames import yes

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd


FRAMES = (
    "adsl", "screened", "analysed", "covariates", "reviewed", "responses", "derived_responses", "assessments",
    "endpoints", "events", "censored", "endpoint_pairs", "follow_up", "flow", "types",
)  # fmt: skip
"""What checks on analysis tables may look at."""


class Frames(Mapping[str, "pd.DataFrame"]):
    """Frames by name, each made when it is asked for: a million subjects in all of them at once take gigabytes."""

    def __init__(self, makers: Mapping[str, Callable[[], pd.DataFrame]]) -> None:
        self._makers = dict(makers)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers


def analysis_frames(
    study: Study,
    adsl: pd.DataFrame,
    adrs: pd.DataFrame,
    adtte: pd.DataFrame,
    analysis_table: pd.DataFrame,
    known_subjects: frozenset[str],
    people: Mapping[str, str] | None = None,
    today: date | None = None,
) -> Frames:
    """Every frame the catalogue names, by name; those of subjects have SITEID.

    ``known_subjects`` are the keys of all patients in the patient table, so that a subject without one is found.
    ``people`` maps a key to sex and whole birth date as one text, where both are known. ``today``: the day of the
    extract, after which nobody can have been seen.
    """
    given = {"adsl": adsl, "adrs": adrs, "adtte": adtte, "analysis_table": analysis_table}
    adsl = _dated(adsl, ("TRTSDT", "DTHDT", "LSTALVDT"))
    adrs, adtte = _dated(adrs, ("ADT",)), _dated(adtte, ("ADT", "STARTDT"))
    is_analysed = adsl["ANL01FL"] == "Y"
    analysed = adsl if is_analysed.all() else adsl[is_analysed]
    first, last = study.index.dates

    @cache
    def endpoints() -> pd.DataFrame:
        return _endpoints(study, analysed, adrs, adtte)

    def screened() -> pd.DataFrame:
        within = yes(adsl["TRTSDT"].dt.date.between(first, last)).where(adsl["TRTSDT"].notna())
        return further.twins(adsl, people or {}).assign(IN_DATES=within)

    return Frames(
        {
            "adsl": lambda: adsl.assign(PATIENT_FOUND=yes(adsl["USUBJID"].map(known_subjects.__contains__))),
            "screened": screened,
            "analysed": lambda: analysed.assign(ARMS=_arms(analysed), DEMOGRAPHICS=_demographics(study, analysed)),
            "covariates": lambda: further.covariates(study, analysed),
            "reviewed": lambda: further.reviewed(study, analysed),
            "responses": lambda: _responses(study, analysed, adrs),
            "derived_responses": lambda: further.derived_responses(analysed, adrs),
            "assessments": lambda: _assessments(analysed, adrs),
            "endpoints": endpoints,
            "events": lambda: endpoints()[endpoints()["IS_EVENT"] == "Y"],
            "censored": lambda: endpoints()[endpoints()["IS_EVENT"] != "Y"],
            "endpoint_pairs": lambda: _pairs(study, endpoints()),
            "follow_up": lambda: further.follow_up(study, analysed, adtte, today),
            "flow": lambda: _flow(adsl, analysis_table),
            "types": lambda: further.types(study, given),
        }
    )


def _dated(frame: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return frame.assign(**{c: pd.to_datetime(frame[c]).astype("datetime64[s]") for c in columns if c in frame})


def _arms(analysed: pd.DataFrame) -> pd.Series:
    arms = analysed.groupby("USUBJID")["TRT01A"].nunique()
    return analysed["USUBJID"].map(arms).astype("float64")


def _demographics(study: Study, analysed: pd.DataFrame) -> pd.Series:
    asked = [c for c in ("age", "sex") if c in study.covariate]
    return yes(analysed[asked].notna().all(axis=1))


def _responses(study: Study, analysed: pd.DataFrame, adrs: pd.DataFrame) -> pd.DataFrame:
    best = adrs.loc[adrs["PARAMCD"] == "BOR", ["USUBJID", "AVALC"]]
    frame = analysed[["USUBJID", "SITEID"]].merge(best, on="USUBJID", how="left")
    ranked = study.response.order if study.response else ()
    return frame.assign(EVALUABLE=yes(frame["AVALC"].isin(ranked)))


def _assessments(analysed: pd.DataFrame, adrs: pd.DataFrame) -> pd.DataFrame:
    accepted = adrs[(adrs["PARAMCD"] == "OVRLRESP") & (adrs["ACCEPTED"] == "Y")]
    asked = [column for column in ("USUBJID", "ADT", "IMAGING", "SRCREF") if column in accepted]
    dates = [column for column in ("USUBJID", "SITEID", "TRTSDT", "DTHDT", "LSTALVDT") if column in analysed]
    return accepted[asked].merge(analysed[dates], on="USUBJID")


def _endpoints(study: Study, analysed: pd.DataFrame, adrs: pd.DataFrame, adtte: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    adtte = adtte.drop(columns=["PARAM", "AVALU", "SRCDOM", "SRCVAR", "SRCSEQ"], errors="ignore")
    frames = []
    for endpoint in study.endpoint:
        rows = adtte[adtte["PARAMCD"] == endpoint.id].merge(analysed[["USUBJID", "SITEID"]], on="USUBJID", how="right")
        recorded = _first_event(study, endpoint, analysed, adrs, rows)
        undated = rows["USUBJID"].isin(_undated_deaths(analysed)) & any(source.death for source in endpoint.events)
        # What happens after a competing event is none of this endpoint's events.
        forestalled = rows.loc[rows["CNSR"].isin(list(endpoint.competing_codes))].set_index("USUBJID")["ADT"]
        ended = recorded.index.to_series().map(forestalled)
        recorded = recorded[~(ended < recorded)]
        undated &= ~rows["USUBJID"].isin(forestalled.index)
        rows = rows.assign(
            PARAMCD=endpoint.id,
            EVENT_DATE_RECORDED=rows["USUBJID"].map(recorded),
            EVENT_RECORDED=yes(rows["USUBJID"].isin(recorded.index) | undated),
        )
        frames.append(rows)
    rows = (
        pd.concat(frames, ignore_index=True)
        if frames
        else adtte.iloc[:0].assign(SITEID=None, EVENT_DATE_RECORDED=adtte["ADT"].iloc[:0], EVENT_RECORDED=None)
    )
    is_event = rows["CNSR"] == 0
    return rows.assign(
        AVAL=rows["AVAL"].astype("float64"),
        RECOMPUTED_AVAL=(rows["ADT"] - rows["STARTDT"]).dt.days.astype("float64") + study.endpoint_rules.first_day,
        IS_EVENT=yes(is_event),
        EVENT_DATE=rows["ADT"].where(is_event),
        CUTOFF=pd.Timestamp(study.index.data_cutoff),
    )


def _undated_deaths(analysed: pd.DataFrame) -> pd.Series:
    return analysed.loc[(analysed["DTHFL"] == "Y") & analysed["DTHDT"].isna(), "USUBJID"]


def _first_event(
    study: Study, endpoint: Endpoint, analysed: pd.DataFrame, adrs: pd.DataFrame, adtte: pd.DataFrame
) -> pd.Series:
    """The first day up to the cut-off on which the records show an event of this endpoint.

    Responses count from the index on. A death before it is an event too: that it cannot be is another check's to say.
    The records of an event list are in no analysis set, and SITEFL speaks of one body site only: an event of a list, or
    of a response at another site, counts as recorded on the day ADTTE gives it where it names its record (SRCREF), so
    that a death or response before it is still found.
    """
    import pandas as pd

    cutoff = pd.Timestamp(study.index.data_cutoff)
    nothing = {"USUBJID": "object", "DAY": "datetime64[s]", "DEATH": "bool"}
    days = [pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in nothing.items()})]
    if any(source.death for source in endpoint.events):
        days.append(analysed[["USUBJID", "DTHDT"]].rename(columns={"DTHDT": "DAY"}).assign(DEATH=True))
    for source in endpoint.events:
        site = source.site or (study.response.site if study.response else None)
        judged = bool(source.response) and (not site or site == next(iter(site_lists(study))))
        if judged:
            at_site = adrs["SITEFL"].eq("Y") if site else pd.Series(True, index=adrs.index)
            seen = adrs[(adrs["PARAMCD"] == "OVRLRESP") & (adrs["ACCEPTED"] == "Y") & at_site]
            days.append(_days_of_responses(study, analysed, seen[seen["AVALC"] == source.response]))
        elif not source.death:
            told = adtte[(adtte["CNSR"] == 0) & (adtte["EVNTDESC"] == source.desc) & adtte["SRCREF"].notna()]
            days.append(told[["USUBJID", "ADT"]].rename(columns={"ADT": "DAY"}).assign(DEATH=False))
    found = pd.concat(days, ignore_index=True).merge(analysed[["USUBJID", "TRTSDT"]], on="USUBJID")
    found = found[
        found["DAY"].notna() & (found["DEATH"] | (found["DAY"] >= found["TRTSDT"])) & (found["DAY"] <= cutoff)
    ]
    return found.groupby("USUBJID")["DAY"].min()


def _days_of_responses(study: Study, analysed: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """The day of each response as an event: where only its month or year is known (ADTF), the end that the study names.

    ADT is the middle. As an event it lies neither before the day after the index nor after the cut-off.
    """
    import pandas as pd

    found = seen.merge(analysed[["USUBJID", "TRTSDT"]], on="USUBJID")
    found = found[found["ADT"] >= found["TRTSDT"]]
    day, end = found["ADT"], study.endpoint_rules.partial_dates.event
    for flag, unit in (("M", "Y"), ("D", "M")) if end != "middle" else ():
        span = day.dt.to_period(unit).dt
        if end == "low":
            put = span.start_time.clip(lower=found["TRTSDT"] + pd.Timedelta(days=1))
        else:
            put = span.end_time.dt.normalize().clip(upper=pd.Timestamp(study.index.data_cutoff))
        day = day.mask(found["ADTF"] == flag, put)
    return found[["USUBJID"]].assign(DAY=day, DEATH=False)


def _pairs(study: Study, endpoints: pd.DataFrame) -> pd.DataFrame:
    """Endpoints that death ends beside other events, next to those that only death ends."""
    import pandas as pd

    overall = [e.id for e in study.endpoint if all(s.death for s in e.events) and not e.competing]
    composite = [e.id for e in study.endpoint if any(s.death for s in e.events) and e.id not in overall]
    pairs = [
        endpoints.loc[endpoints["PARAMCD"] == c, ["USUBJID", "SITEID", "AVAL"]]
        .rename(columns={"AVAL": "COMPOSITE"})
        .merge(
            endpoints.loc[endpoints["PARAMCD"] == o, ["USUBJID", "AVAL"]].rename(columns={"AVAL": "OVERALL"}),
            on="USUBJID",
        )
        for c in composite
        for o in overall
    ]
    return (
        pd.concat(pairs, ignore_index=True)
        if pairs
        else pd.DataFrame(columns=["USUBJID", "SITEID", "COMPOSITE", "OVERALL"])
    )


def _flow(adsl: pd.DataFrame, analysis_table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    excluded = int((adsl["ANL01FL"].ne("Y") & adsl["EXCLRSN"].notna()).sum())
    return pd.DataFrame({"SCREENED": [float(len(adsl))], "ACCOUNTED": [float(excluded + len(analysis_table))]})

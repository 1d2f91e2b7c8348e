"""The ADaM-shaped frames, made from what was prepared, for the main analysis or for one sensitivity analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from analysis.derive.adverse_events import adae
from analysis.derive.dates import dates_of
from analysis.derive.derived import Derived
from analysis.derive.exposure import adex
from analysis.derive.missed_visits import censored_where_last_seen
from analysis.derive.origins import RECORD, SUPPLEMENT, supplemented
from analysis.derive.pipeline import CENSOR, Prepared
from analysis.derive.population import BEFORE, FAILS
from analysis.derive.pseudonym import usubjid
from analysis.derive.references import references
from analysis.derive.tumour_results import tumour_results
from analysis.study.exclusions import BEFORE_LANDMARK, WASHOUT

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study.model import Covariate, Sensitivity, Study

_SUBJECT = ["site", "patient_id"]
# Columns of ADRS about a single reading: best responses have none of them.
_OF_A_READING = ("READER", "ORIGIN", "LASTFL", "SOURCE", "SRCLSTFL", "OTHAVALC")


@dataclass(frozen=True)
class Framed:
    """What was prepared, with the subjects under their pseudonyms (``USUBJID``) and sorted by site and pseudonym."""

    subjects: pd.DataFrame
    assessments: pd.DataFrame
    times: pd.DataFrame
    counts: pd.DataFrame
    measured: pd.DataFrame | None = None
    exposure: pd.DataFrame | None = None
    adverse_events: pd.DataFrame | None = None
    ends: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def pseudonymise(prepared: Prepared, key: bytes) -> Framed:
    """Replace site and patient id by USUBJID everywhere; the source references still name the resources."""
    subjects = prepared.subjects
    ids = [usubjid(key, site, one) for site, one in zip(subjects["site"], subjects["patient_id"], strict=True)]
    subjects = subjects.assign(USUBJID=ids).sort_values(["site", "USUBJID"], ignore_index=True)
    known = subjects[[*_SUBJECT, "USUBJID", "arm"]]
    assessments = prepared.assessments.merge(known, on=_SUBJECT, how="inner")
    times, *ends = (
        frame.merge(known, on=_SUBJECT, how="inner").sort_values(["site", "USUBJID", "paramcd"], ignore_index=True)
        for frame in (prepared.times, *prepared.ends.values())
    )
    measured, exposure, events = (
        None if long is None else long.merge(known, on=_SUBJECT, how="inner")
        for long in (prepared.measured, prepared.exposure, prepared.adverse_events)
    )
    return Framed(
        subjects,
        assessments.sort_values(["site", "USUBJID", "aseq"], ignore_index=True),
        times,
        prepared.counts,
        measured,
        exposure,
        events,
        dict(zip(prepared.ends, ends, strict=True)),
    )


def tables(study: Study, framed: Framed, sensitivity: Sensitivity | None = None) -> Derived:
    """ADSL, ADRS, ADTTE and the analysis table; with ``sensitivity`` without its criterion, with its censoring and its
    times."""
    framed = replace(framed, times=_times(study, framed, sensitivity))
    adsl = _adsl(study, framed.subjects, sensitivity, _short(study, framed, sensitivity))
    adrs = _adrs(study, framed)
    adtte = _adtte(study, framed, adsl, sensitivity)
    table = _analysis_table(study, framed, adsl, adtte)
    measured = tumour_results(framed)
    return Derived(adsl, adrs, adtte, table, framed.counts, adtr=measured, adex=adex(framed), adae=adae(framed))


def _times(study: Study, framed: Framed, sensitivity: Sensitivity | None) -> pd.DataFrame:
    """The times before any list censors them: the main analysis', or with what the sensitivity says of dates."""
    times = framed.times
    if sensitivity and sensitivity.partial_dates:
        times = framed.ends[sensitivity.partial_dates]
    if sensitivity and sensitivity.max_gap_days:
        times = censored_where_last_seen(study, sensitivity, framed.subjects, framed.assessments, times)
    return times


def _short(study: Study, framed: Framed, sensitivity: Sensitivity | None) -> set[str]:
    """Who has an event, or is no longer observed, before the landmark in any endpoint."""
    if not study.index.landmark:
        return set()
    times = framed.times
    gone = set(times.loc[(times["aval"].astype("Float64") < study.index.landmark).fillna(False), "USUBJID"])
    if sensitivity and sensitivity.censor:
        days = framed.subjects[CENSOR + sensitivity.id].astype("Float64")
        gone |= set(framed.subjects.loc[(days < study.index.landmark).fillna(False), "USUBJID"])
    return gone


def _text(values: pd.Series) -> pd.Series:
    return values.astype("object").where(values.notna(), None)


def _flag(values: pd.Series) -> pd.Series:
    return values.eq(True).map({True: "Y", False: "N"}).astype("object")


def _imputed(precision: pd.Series) -> pd.Series:
    """ADaM's date imputation flag: the highest part that was imputed, M (month) or D (day), null for a whole date."""
    return _text(precision.map({"year": "M", "month": "D"}))


def _reasons(study: Study, s: pd.DataFrame, sensitivity: Sensitivity | None, short: set[str]) -> pd.Series:
    """The first reason to leave: washout, the landmark (those of ``short`` do not reach it), the arm's rule, then the
    criteria in the order of the flow diagram."""
    import pandas as pd

    reason = pd.Series([None] * len(s), index=s.index, dtype="object")
    for c in reversed(study.criterion):
        column = FAILS + c.id
        if sensitivity and sensitivity.drop_criterion == c.id:
            # Where the criterion's own list censors instead, only what came after the index no longer excludes.
            if sensitivity.censor != c.rule.list_ or BEFORE + c.id not in s:
                continue
            column = BEFORE + c.id
        reason = reason.mask(s[column].eq(True), c.id)
    reason = reason.mask(s["arm_reason"].notna(), s["arm_reason"])
    reason = reason.mask(s["USUBJID"].isin(short), BEFORE_LANDMARK)
    return _text(reason.mask(s["washout"].eq(True), WASHOUT))


def _typed(name: str, rule: Covariate, values: pd.Series) -> pd.Series:
    """A covariate's values: numbers, or levels as text."""
    return values.astype("float64") if not rule.levels and name != "sex" else _text(values)


def _covariate_columns(study: Study, s: pd.DataFrame) -> dict[str, pd.Series]:
    columns = {}
    for name, rule in study.covariate.items():
        columns[name] = _typed(name, rule, s[name])
        if rule.cut:
            columns[f"{name}_cat"] = _text(s[f"{name}_cat"])
    return columns


def _adsl(study: Study, s: pd.DataFrame, sensitivity: Sensitivity | None, short: set[str]) -> pd.DataFrame:
    import pandas as pd

    reason = _reasons(study, s, sensitivity, short)
    sources = {
        f"{name}_{origin}": _typed(name, rule, s[f"{name}_{origin}"])
        for name, rule in study.covariate.items()
        if supplemented(study, rule.list_)
        for origin in (RECORD, SUPPLEMENT)
    }
    distances = {
        f"{name}_day": s[f"{name}_day"].astype("Int64") for name, rule in study.covariate.items() if rule.from_ is None
    }
    return pd.DataFrame(
        {
            "STUDYID": study.study.id,
            "USUBJID": s["USUBJID"],
            "SITEID": s["site"],
            "TRT01A": _text(s["arm"]),
            "TRTSDT": dates_of(s["index_day"]),
            "TRTSDTF": _imputed(s["index_precision"]),
            **_covariate_columns(study, s),
            **distances,
            **sources,
            "ANL01FL": _flag(reason.isna()),
            "EXCLRSN": reason,
            "DTHFL": _flag(s["dead"]),
            "DTHDT": dates_of(s["death_day"]),
            "DTHDTF": _imputed(s["death_precision"]),
            "LSTALVDT": dates_of(s["alive_day"]),
            "LSTALVSRC": _text(s["alive_source"]),
            "N_SESSIONS": s["n_sessions"].astype("int64"),
            "ARM_SWITCH": _flag(s["switch_day"].notna()),
            "SRCREF": references("Procedure", s["index_id"], s["index_version"]),
        }
    )


def _adrs(study: Study, framed: Framed) -> pd.DataFrame:
    import pandas as pd

    from analysis.derive.response import site_column, site_lists

    a = framed.assessments
    site = next(iter(site_lists(study)), None)
    recorded = pd.DataFrame(
        {
            "USUBJID": a["USUBJID"],
            "TRT01A": _text(a["arm"]),
            "PARAMCD": _overall_parameter(a),
            "ASEQ": a["aseq"].astype("Int64"),
            "AVALC": _text(a["level"]),
            "ADT": dates_of(a["day"]),
            "ADTF": _imputed(a["precision"]),
            "ADY": a["rel"].astype("Int64"),
            "READER": _text(a["performer_id"]),
            "ORIGIN": _text(a["origin"]),
            "LASTFL": _flag(a["latest"]),
            "SOURCE": _text(a["told_by"]),
            "SRCLSTFL": _text(a["told_last"].map({True: "Y", False: "N"})),
            "OTHAVALC": _text(a["told_other"]),
            "ACCEPTED": _flag(a["accepted"]),
            "SITEFL": _flag(a[site_column(site)]) if site else None,
            "IMAGING": _flag(a["imaging"]),
            "IMGMOD": _text(a["img_modality"]),
            "IMGPHASE": _text(a["img_phase"]),
            "SRCREF": references("Observation", a["id"], a["version"]),
        }
    )
    if study.response is None:
        return recorded
    s = framed.subjects[framed.subjects["arm"].notna()]
    rests = pd.DataFrame(
        {"USUBJID": s["USUBJID"], "SRCREF": references("Observation", s["bor_id"], s["bor_version"]), "BOR": s["bor"]}
    )
    basis = recorded[(recorded["ACCEPTED"] == "Y") & (recorded["PARAMCD"] == "OVRLRESP")].drop_duplicates(
        ["USUBJID", "SRCREF"]
    )
    best = rests.merge(basis.drop(columns=["TRT01A", "PARAMCD", "AVALC"]), on=["USUBJID", "SRCREF"], how="left")
    best = best.merge(s[["USUBJID", "arm"]], on="USUBJID").rename(columns={"arm": "TRT01A", "BOR": "AVALC"})
    # A best response that rests on no assessment has none of its columns.
    best = best.assign(
        **dict.fromkeys(_OF_A_READING), PARAMCD="BOR", ACCEPTED="Y", ASEQ=pd.array([pd.NA] * len(best), "Int64")
    )
    best["IMAGING"] = best["IMAGING"].where(best["IMAGING"].notna(), "N")
    for column in ("SRCREF", "SITEFL", "IMGMOD", "IMGPHASE", "ADTF"):
        best[column] = _text(best[column])
    both = [frame for frame in (recorded, best[recorded.columns], _other_best(study, s, recorded)) if len(frame)]
    made = pd.concat(both, ignore_index=True) if both else recorded
    order = framed.subjects[["USUBJID"]].reset_index(names="_at")
    made = made.merge(order, on="USUBJID").sort_values(["_at", "PARAMCD", "ASEQ"], kind="stable", ignore_index=True)
    return made.drop(columns="_at").assign(
        ADY=lambda f: f["ADY"].astype("Int64"), ASEQ=lambda f: f["ASEQ"].astype("Int64")
    )


def _overall_parameter(assessments: pd.DataFrame) -> pd.Series:
    """OVRLRESP for what the study goes by; what it is compared with stands apart, as recorded or as derived."""
    apart = assessments["origin"].map({"recorded": "RECRESP", "derived": "DRVRESP"})
    return apart.where(~assessments["used"].eq(True), "OVRLRESP")


def _other_best(study: Study, s: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Best responses by the source the study does not go by (RECBOR or DRVBOR); none without lesion measurements."""
    import pandas as pd

    if study.response is None or study.response.lesions is None:
        return like.iloc[:0]
    name = "RECBOR" if study.response.source == "derived" else "DRVBOR"
    rests = references("Observation", s["other_bor_id"], s["other_bor_version"])
    made = pd.DataFrame(
        {"USUBJID": s["USUBJID"], "TRT01A": s["arm"], "PARAMCD": name, "AVALC": s["other_bor"], "SRCREF": rests}
    )
    made = made.reindex(columns=like.columns).assign(ACCEPTED="Y", IMAGING="N")
    for column in ("ADTF", *_OF_A_READING, "SITEFL", "IMGMOD", "IMGPHASE", "SRCREF"):
        made[column] = _text(made[column])
    return made.assign(ADT=pd.to_datetime(made["ADT"]), **{c: made[c].astype("Int64") for c in ("ASEQ", "ADY")})


def _adtte(study: Study, framed: Framed, adsl: pd.DataFrame, sensitivity: Sensitivity | None) -> pd.DataFrame:
    import pandas as pd

    t = framed.times[framed.times["arm"].notna()].reset_index(drop=True)
    labels = {endpoint.id: endpoint.label for endpoint in study.endpoint}
    start = framed.subjects.set_index("USUBJID")["index_day"]
    begun = t["USUBJID"].map(start)
    frame = pd.DataFrame(
        {
            "USUBJID": t["USUBJID"],
            "TRT01A": _text(t["arm"]),
            "PARAMCD": t["paramcd"],
            "PARAM": t["paramcd"].map(labels),
            "AVAL": t["aval"].astype("float64"),
            "AVALU": "DAYS",
            "CNSR": t["cnsr"].astype("int64"),
            "STARTDT": dates_of(begun),
            "ADT": dates_of(t["day"]),
            "ADTF": _imputed(t["precision"]),
            "EVNTDESC": _text(t["evntdesc"]),
            "CNSDTDSC": _text(t["cnsdtdsc"]),
            "SRCDOM": _text(t["srcdom"].replace("", None)),
            "SRCVAR": _text(t["srcvar"].replace("", None)),
            "SRCSEQ": t["srcseq"].astype("Int64"),
            "SRCREF": _text(t["srcref"]),
            "ANL01FL": t["USUBJID"].map(adsl.set_index("USUBJID")["ANL01FL"]),
        }
    )
    if sensitivity and sensitivity.censor:
        frame = _censored(study, framed, frame, sensitivity)
    # Time starts at the landmark, and may count its own day. Only after censoring, whose days count from the index.
    frame["AVAL"] += study.endpoint_rules.first_day
    if start_day := study.index.landmark:
        frame["AVAL"] -= start_day
        frame["STARTDT"] += pd.to_timedelta(start_day, unit="D")
    order = {endpoint.id: place for place, endpoint in enumerate(study.endpoint)}
    place = frame["PARAMCD"].map(order)
    return frame.assign(_place=place).sort_values("_place", kind="stable", ignore_index=True).drop(columns="_place")


def _censored(study: Study, framed: Framed, frame: pd.DataFrame, sensitivity: Sensitivity) -> pd.DataFrame:
    """Rows that go on past the sensitivity's reason to censor end there; an event of the same day stays an event."""
    import pandas as pd

    days = framed.subjects.set_index("USUBJID")[CENSOR + sensitivity.id]
    at = frame["USUBJID"].map(days).astype("Float64").astype("float64")
    cut = at.notna() & ((at < frame["AVAL"]) | frame["AVAL"].isna())
    place = {endpoint.id: endpoint.competing_codes.stop for endpoint in study.endpoint}
    why = sensitivity.text or f"Censored at {sensitivity.censor}"
    made = frame.assign(
        AVAL=frame["AVAL"].mask(cut, at),
        CNSR=frame["CNSR"].mask(cut, frame["PARAMCD"].map(place)).astype("int64"),
        ADT=frame["ADT"].mask(cut, frame["STARTDT"] + pd.to_timedelta(at, unit="D")),
        EVNTDESC=frame["EVNTDESC"].mask(cut, why),
        CNSDTDSC=frame["CNSDTDSC"].mask(cut, why),
        SRCSEQ=frame["SRCSEQ"].mask(cut, pd.NA),
    )
    for column in ("ADTF", "SRCDOM", "SRCVAR", "SRCREF"):
        made[column] = _text(made[column].mask(cut, None))
    return made


def _analysis_table(study: Study, framed: Framed, adsl: pd.DataFrame, adtte: pd.DataFrame) -> pd.DataFrame:
    wanted = [c for n, r in study.covariate.items() for c in ([n, f"{n}_cat"] if r.cut else [n])]
    table = adsl.loc[adsl["ANL01FL"] == "Y", ["USUBJID", "SITEID", "TRT01A", *wanted]].reset_index(drop=True)
    table["BOR"] = _text(table["USUBJID"].map(framed.subjects.set_index("USUBJID")["bor"]))
    for endpoint in study.endpoint:
        rows = adtte[adtte["PARAMCD"] == endpoint.id].set_index("USUBJID")
        table[f"{endpoint.id}_AVAL"] = table["USUBJID"].map(rows["AVAL"]).astype("float64")
        table[f"{endpoint.id}_CNSR"] = table["USUBJID"].map(rows["CNSR"]).astype("int64")
    return table

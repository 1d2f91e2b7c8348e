"""Great Expectations behind a thin adapter: the only module that imports it (with `gx_custom`), and late (3 to 6 s).

Suites are built in code from the catalogue and never saved: a saved suite loses expectations whose class is not
imported. Out of a result come only integers: its values may be a patient's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expectations.model import Check, Finding

if TYPE_CHECKING:
    import pandas as pd


def judge(frame: pd.DataFrame, checks: Sequence[Check], sets: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Validate ``frame`` (index reset) against ``checks`` and give one finding a check, joined by id.

    ``sets`` resolves ``@arms`` and the like. A check that crashes, or whose column is missing, gives a finding with
    ``error``; an empty frame gives denominators of 0.
    """
    gx = _great_expectations()
    # It hashes and copies whatever it is given.
    asked = {getattr(c.rule, key, None) for c in checks for key in ("column", "other")}
    frame = frame[[column for column in frame.columns if column in asked]].reset_index(drop=True)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # they flood logs
    batch = (
        context.data_sources.add_pandas("frames")
        .add_dataframe_asset("frame")
        .add_batch_definition_whole_dataframe("whole")
        .get_batch(batch_parameters={"dataframe": frame})
    )
    suite = gx.ExpectationSuite(name="checks", expectations=[_expectation(gx, check, sets) for check in checks])
    if len(suite.expectations) != len(checks):
        raise RuntimeError(f"the suite holds {len(suite.expectations)} of {len(checks)} checks")
    outcome = batch.validate(suite, result_format={"result_format": "COMPLETE", "partial_unexpected_count": 0})
    found = {result.expectation_config.meta["check_id"]: _finding(result, len(frame)) for result in outcome.results}
    return [
        found.get(check.id) or Finding(check.id, check.table, 0, 0, error="no result came back") for check in checks
    ]


def _great_expectations() -> Any:
    import great_expectations as gx

    # One of its modules sets a level of its own, and then names a temporary folder for every frame that is judged.
    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return gx


def _expectation(gx: Any, check: Check, sets: Mapping[str, Sequence[str]]) -> Any:
    e = gx.expectations
    rule = check.rule
    meta = {"check_id": check.id, "table": check.table}
    # Without this a pair with one side unknown counts as a violation; presence is a check of its own.
    pair = {"ignore_row_if": "either_value_is_missing", "meta": meta}
    match rule.kind:
        case "in_set":
            values = list(sets[rule.values] if isinstance(rule.values, str) else rule.values)
            return e.ExpectColumnValuesToBeInSet(column=rule.column, value_set=values, meta=meta)
        case "matches":
            return e.ExpectColumnValuesToMatchRegex(column=rule.column, regex=rule.regex, meta=meta)
        case "not_null":
            return e.ExpectColumnValuesToNotBeNull(column=rule.column, meta=meta)
        case "unique":
            return e.ExpectColumnValuesToBeUnique(column=rule.column, meta=meta)
        case "between":
            return e.ExpectColumnValuesToBeBetween(
                column=rule.column, min_value=rule.low, max_value=rule.high, meta=meta
            )
        case "not_before":
            return e.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=rule.column, column_B=rule.other, or_equal=True, **pair
            )
        case "equal":
            return e.ExpectColumnPairValuesToBeEqual(column_A=rule.column, column_B=rule.other, **pair)
        case "not_together":
            from expectations.gx_custom import ExpectColumnPairValuesNotTogether

            return ExpectColumnPairValuesNotTogether(
                column_A=rule.column,
                column_B=rule.other,
                first=list(rule.values),
                second=list(rule.other_values),
                **pair,
            )
        case _:
            raise ValueError(f"{rule.kind} is no rule of rows")


def _finding(result: Any, rows: int) -> Finding:
    meta = result.expectation_config.meta
    if not result.result:
        return Finding(meta["check_id"], meta["table"], rows, 0, error=_crash(result.exception_info))
    said = result.result
    known = int(said["element_count"]) - int(said.get("missing_count") or 0)
    positions = tuple(sorted(int(i) for i in said.get("unexpected_index_list") or ()))
    return Finding(meta["check_id"], meta["table"], known, int(said["unexpected_count"]), positions)


def _crash(info: Any) -> str:
    # Two shapes: the flags themselves, or a mapping of metric ids to flags. The message may hold values: it stays here.
    flags = info if "raised_exception" in info else next(iter(info.values()), {})
    trace = str(flags.get("exception_traceback") or "").strip().splitlines()
    kind = trace[-1].split(":", 1)[0].rsplit(".", 1)[-1] if trace else "no result"
    return f"the check could not be computed ({kind})"

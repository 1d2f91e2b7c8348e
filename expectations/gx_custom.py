"""The one rule Great Expectations has no expectation for: two values that contradict each other. Imported by ``gx``.

A custom expectation lives as long as its class is imported: suites are built in code, so none is loaded without it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnPairMapMetricProvider,
    column_pair_condition_partial,
)


class _NotTogether(ColumnPairMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_pair_values.not_together"
    condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser",
                             "ignore_row_if")  # fmt: skip
    condition_value_keys = ("first", "second")

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_A: Any, column_B: Any, first: list[str], second: list[str], **_: Any) -> Any:  # noqa: N803, N805
        return ~(column_A.astype("string").isin(first) & column_B.astype("string").isin(second))


class ExpectColumnPairValuesNotTogether(ColumnPairMapExpectation):  # type: ignore[misc]
    """A value of ``first`` in column_A does not stand beside one of ``second`` in column_B."""

    first: list[str]
    second: list[str]
    ignore_row_if: Literal["both_values_are_missing", "either_value_is_missing", "neither"] = "either_value_is_missing"
    map_metric: ClassVar[str] = "column_pair_values.not_together"
    success_keys: ClassVar[tuple[str, ...]] = ("column_A", "column_B", "first", "second", "ignore_row_if", "mostly")

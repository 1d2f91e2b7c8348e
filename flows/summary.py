"""What is said in passing, outside the report: the comparison in a few lines, and that data are synthetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from analysis.study.model import Method, PopulationStudy, Study

if TYPE_CHECKING:
    import pandas as pd


def synthetic_note(study: Study | PopulationStudy) -> str | None:
    """What every page, figure and export of synthetic data says; None where the data are real."""
    if study.study.data != "synthetic":
        return None
    return study.study.synthetic_note or "synthetic data, not patients"


def comparison_lines(study: Study, results: pd.DataFrame) -> Iterator[str]:
    """Each outcome with its P value by the published and by the primary method, read from the results table."""
    found: dict[tuple[str, str, str], Mapping[Any, Any]] = {
        (row["parameter"], row["variable"], row["method"]): row
        for row in results.to_dict("records")
        if row["statistic"] == "p" and not row["level"] and " vs " in row["group"]
    }
    primary, published = study.analysis.primary, study.analysis.published
    heads = ["published" if published else "", "primary"]
    yield f"{study.experimental.label} against {study.reference.label}"
    yield f"{'P value':<44}{heads[0]:>24}{heads[1]:>24}"
    for label, parameter, variable, method_of in _outcomes(study):
        cells = []
        for method in (published, primary):
            name = "" if method is None else method_of(method)
            row = found.get((parameter, variable, name))
            cells.append("" if method is None or row is None else _cell(row, name))
        yield f"{label:<44}{cells[0]:>24}{cells[1]:>24}"


def _outcomes(study: Study) -> Iterator[tuple[str, str, str, Callable[[Method], str]]]:
    for endpoint in study.endpoint:
        yield endpoint.label, endpoint.id, "logrank", lambda _: "logrank"
    if study.response is not None:
        yield f"Response ({', '.join(study.response.order)})", "response", "best", lambda _: "mann_whitney"
        yield f"Objective response ({' + '.join(study.response.responders)})", "response", "orr", _response_test
        yield f"Disease control ({' + '.join(study.response.controlled)})", "response", "dcr", _response_test


def _response_test(method: Method) -> str:
    return method.response


def _cell(row: Mapping[Any, Any], name: str) -> str:
    value = row["value"]
    if value is None or value != value:
        return str(row["warning"]).split(":", 1)[0] or "NE"
    shown = "< 0.001" if value < 0.0005 else f"{value:.3f}"
    return f"{shown} {name.replace('_', '-')}"

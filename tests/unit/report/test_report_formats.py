"""How numbers are written. Oracle: the language rules of docs/report.md, as small tables."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.pages import formats
from analysis.report import words
from analysis.report.figures.canvas import nice_step, spread, wrap


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0177, "0.018"),
        (0.04, "0.040"),
        (0.0009999, "< 0.001"),
        (0.001, "0.001"),
        (1e-300, "< 0.001"),
        (0.0, "< 0.001"),
        (1.0, "1.000"),
    ],
)
def test_p(value: float, shown: str) -> None:
    assert formats.p_value(value) == shown


@given(st.floats(0, 1))
def test_p_is_never_written_as_zero(value: float) -> None:
    assert formats.p_value(value).strip("0.") != ""


@pytest.mark.parametrize(
    ("value", "statistic", "unit", "shown"),
    [
        (0.11, "lower", "", "0.110"),
        (0.8749, "upper", "", "0.875"),
        (5.6306, "lower", "months", "5.6"),
        (36.3636, "percent", "%", "36.4"),
        (-20.39, "lower", "percentage points", "\u221220.4"),
        (0.3636, "percent", "fraction", "36.4"),
        (22.0, "n", "", "22"),
        (1234567.0, "count", "", "1\u202f234\u202f567"),
        (12.0, "estimate", "months", "12.0"),
        (0.00008, "lower", "", "< 0.001"),
        (-0.00008, "coef", "", "> \u22120.001"),
        (0.0, "percent", "%", "0.0"),
        (43210.4, "upper", "", "43\u202f210"),
    ],
)
def test_values(value: float, statistic: str, unit: str, shown: str) -> None:
    assert formats.figure(value, statistic, unit) == shown


@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_minus_zero_and_hyphens_are_never_printed(value: float) -> None:
    shown = formats.decimal(value, 2)
    assert "-" not in shown
    assert shown.strip("\u22120.") or value == 0 or "<" in shown or ">" in shown


@pytest.mark.parametrize(
    ("level", "shown"),
    [(">=60", "\u2265\u00a060"), ("<5", "<\u00a05"), ("multifocal", "multifocal"), ("<script>", "<script>")],
)
def test_levels(level: str, shown: str) -> None:
    assert words.prettify(level) == shown


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("Age (years)", "age"),
        ("ECOG performance status", "ECOG performance status"),
        ("Child-Pugh class", "Child-Pugh class"),
        ("Lesion size, cm", "lesion size"),
    ],
)
def test_labels_inside_a_sentence(label: str, shown: str) -> None:
    assert words.in_sentence(label) == shown


@given(st.lists(st.floats(0, 100), max_size=8))
def test_labels_are_spread_without_overlap(positions: list[float]) -> None:
    placed = sorted(spread(positions, 12, 0, 100))
    assert all(b - a >= 12 - 1e-9 for a, b in pairwise(placed))
    assert all(p <= 100 + 1e-9 for p in placed)


@given(st.text(alphabet="abcdefghij ", min_size=1, max_size=200), st.floats(30, 300))
def test_wrapping_loses_no_letter(text: str, width: float) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace("-", "").replace(" ", "") == text.replace(" ", "")


@given(st.floats(0.01, 1e5), st.integers(1, 12))
def test_steps_are_round_and_few(span: float, wanted: int) -> None:
    step = nice_step(span, wanted)
    assert span / step <= wanted + 1e-6

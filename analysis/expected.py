"""Our results beside published figures, judged at the precision they were printed with.

A study that names published figures has two files: the figures (``expected.json``: id, printed, recomputed, status) and
the map from their ids to the ids of the results table (``figures.toml``, see ``docs/architecture.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from mappings.errors import DefinitionError, Problem

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("id", "result", "printed", "recomputed", "ours", "shown", "status", "expected_status")

#: Decimals that ``recomputed`` is written with.
RECOMPUTED_DECIMALS = 5


def compare(
    figures: Sequence[Mapping[str, Any]], mapping: Mapping[str, Any], results: pd.DataFrame
) -> list[dict[str, Any]]:
    """One record a published figure, in their order, with the keys of ``COLUMNS``.

    ``figures`` is ``expected.json``'s list, ``mapping`` the parsed ``figures.toml``. ``ours`` is the unrounded value
    (or the text of a choice, or None), ``shown`` the same at the printed precision. ``status`` is what holds now:

    - ``match``: ours rounds to what is printed;
    - ``residual`` or ``misprint``: ours does not, but is the value recomputed before, which the file explains so;
    - ``differs``: neither; ``missing``: there is no such value (not estimable, suppressed, or of a term that the
      stepwise selection did not choose on these data).

    Raises DefinitionError for a figure without a place in the map, and for a place that no result has.
    """
    numbers: Mapping[str, str] = mapping.get("figure", {})
    choices: Mapping[str, Mapping[str, Any]] = mapping.get("stepwise", {})
    values = dict(zip(results["id"], results["value"], strict=True))
    problems = [
        Problem("no result is named for this figure", field=str(figure["id"]))
        for figure in figures
        if figure["id"] not in numbers and figure["id"] not in choices
    ]
    problems += [
        Problem(f"no result has the id {result}", field=figure)
        for figure, result in numbers.items()
        if result not in values and not _is_candidate(result, values)
    ]
    if problems:
        raise DefinitionError("the map of published figures does not fit", tuple(problems))
    records = []
    for figure in figures:
        name = str(figure["id"])
        result_id, ours = "", None  # type: str, float | str | None
        if name in choices:
            ours = _choice(choices[name], results)
        else:
            result_id = numbers[name]
            value = float(values.get(result_id, "nan"))
            ours = None if value != value else value
        records.append(_record(figure, result_id, ours))
    return records


def _is_candidate(result: str, values: Mapping[str, Any]) -> bool:
    """Whether a result is of a term that a stepwise selection looked at: other data may choose other terms."""
    head, _, method = result.rsplit(".", 2) if result.count(".") >= 2 else (result, "", "")
    return f"{head}.entered.{method}" in values


def _choice(choice: Mapping[str, Any], results: pd.DataFrame) -> str:
    """The terms a stepwise selection entered, in order, by the words the publication has for them."""
    rows = results[
        (results["parameter"] == choice["parameter"])
        & (results["variable"] == "cox_stepwise")
        & (results["statistic"] == "entered")
        & (results["method"] == choice["method"])
        & (results["value"] > 0)
    ].sort_values("value")
    terms = dict.fromkeys(str(level).partition("=")[0] for level in rows["level"])
    names = choice.get("names", {})
    return "+".join(names.get(term, term) for term in terms)


def _record(figure: Mapping[str, Any], result_id: str, ours: float | str | None) -> dict[str, Any]:
    printed, recomputed = str(figure["printed"]), figure["recomputed"]
    if ours is None:
        shown, status = "", "missing"
    elif isinstance(ours, str) or isinstance(recomputed, str):
        shown = str(ours)
        status = _judge(figure, shown == printed, shown == str(recomputed))
    else:
        places = decimals(printed)
        shown = at_precision(ours, places)
        # The file keeps so many decimals: ours is cut to them first, else a half would round two ways.
        kept = float(at_precision(ours, max(RECOMPUTED_DECIMALS, places + 1)))
        again = all(at_precision(kept, p) == at_precision(float(recomputed), p) for p in (places, places + 1))
        status = _judge(figure, Decimal(shown) == Decimal(printed), again)
    values = (figure["id"], result_id, printed, recomputed, ours, shown, status, figure["status"])
    return dict(zip(COLUMNS, values, strict=True))


def _judge(figure: Mapping[str, Any], as_printed: bool, as_recomputed: bool) -> str:
    if as_printed:
        return "match"
    explained = figure["status"] in ("residual", "misprint")
    return str(figure["status"]) if as_recomputed and explained else "differs"


def decimals(printed: str) -> int:
    """How many decimals a printed number has. Raises DefinitionError where it is no number."""
    try:
        exponent = Decimal(printed).as_tuple().exponent
    except InvalidOperation:
        raise DefinitionError(f"a published figure is not a number: {printed}") from None
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def at_precision(value: float, places: int) -> str:
    """``value`` with so many decimals, halves away from zero, as a reader rounds: 0.0125 at 3 is 0.013."""
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP))

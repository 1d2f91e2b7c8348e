"""Filters that need neither server nor script: a choice in a list hides rows and columns by style rules alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

STATES = (("", "every status"), ("o", "fails, stops or could not be computed"), ("v", "any violation"))
_HELD = ("p", "n", "a")
"""Classes of cells with nothing to look at (`heat.CSS`)."""


def filters(sites: Iterable[str], categories: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """The lists as (value, text); an empty value chooses all. Sites are numbered from 1; labels are the page's."""
    return {
        "site": [(str(i), site) for i, site in enumerate(sites, 1)],
        "state": list(STATES),
        "category": [(str(i), category) for i, category in enumerate(categories)],
    }


def filter_rules(sites: int, categories: int) -> str:
    """The rules: of a chosen site its own columns and rows stay, and those of the whole study (number 0)."""
    rules = [_rule("fs", i, f"[data-s]:not([data-s='{i}'],[data-s='0'])") for i in range(1, sites + 1)]
    rules += [_rule("fc", i, f"tr[data-c]:not([data-c='{i}'])") for i in range(categories)]
    held = ",".join(f"[data-w={css}]" for css in _HELD)
    rules += [_rule("fw", "v", f"tr:is({held})"), _rule("fw", "o", f"tr:is({held},[data-w=w])")]
    return "".join(rules)


def _rule(name: str, value: object, hidden: str) -> str:
    return f"body:has(#{name} option[value='{value}']:checked) #closer {hidden}{{display:none}}\n"

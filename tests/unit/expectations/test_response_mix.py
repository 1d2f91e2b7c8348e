"""Best responses beside those of other sites. Oracle: the records that would have to move, counted by hand."""

from __future__ import annotations

import pandas as pd

from expectations.response_mix import response_mix


def responses(**sites: dict[str, int]) -> pd.DataFrame:
    rows = [(site, level) for site, mix in sites.items() for level, n in mix.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["SITEID", "AVALC"])


def counts(frame: pd.DataFrame, *sites: str) -> dict[str, tuple[int, int]]:
    return {one.site: (one.numerator, one.denominator) for one in response_mix(frame, sites)}


def test_responses_that_would_have_to_be_others_are_counted() -> None:
    # Half of north's 100 are PR where a tenth of the others' are: 40 too many.
    frame = responses(north={"PR": 50, "SD": 50}, south={"PR": 10, "SD": 90}, west={"PR": 10, "SD": 90})
    assert counts(frame, "north") == {"north": (40, 100)}


def test_the_same_mix_moves_nobody() -> None:
    frame = responses(north={"PR": 20, "SD": 30}, south={"PR": 40, "SD": 60})
    assert counts(frame, "north", "south") == {"north": (0, 50), "south": (0, 100)}


def test_few_responses_and_a_site_alone_are_not_judged() -> None:
    frame = responses(north={"PR": 19}, south={"SD": 90})
    assert counts(frame, "north", "south", "west") == {"north": (0, 0), "south": (0, 0), "west": (0, 0)}
    assert counts(responses(north={"PR": 90}), "north") == {"north": (0, 0)}

"""Flags of rows packed into one number, so that a resource's rows are joined by one OR and counted by one group.

Bit 0: several versions of a resource. Of flag n (from 0) bit 2n + 1: the check is asked; bit 2n + 2: its mark.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expectations.raw_flags import Flag

SEVERAL_VERSIONS = 1
MOST = 31
"""Flags that fit the bits of a signed 64-bit number."""


def packed(flags: Iterable[Flag]) -> Any:
    """The flags of a row as one number."""
    import ibis

    listed = list(flags)
    if len(listed) > MOST:
        raise ValueError(f"{len(listed)} checks of one view, of at most {MOST}")
    made: Any = ibis.literal(0, "int64")
    for n, flag in enumerate(listed):
        for at, bit in ((2 * n + 1, flag.asked), (2 * n + 2, flag.mark)):
            made += ibis.ifelse(bit, ibis.literal(1 << at, "int64"), ibis.literal(0, "int64"))
    return made


def bit_or(bits: Any) -> Any:
    """The OR of a group's numbers. Ibis has it, but not for Spark, where the function has the same name."""
    return _bit_or()(bits)


def _bit_or() -> Any:
    import ibis

    def function(bits: int) -> int:
        raise NotImplementedError

    return ibis.udf.agg.builtin(function, name="bit_or")


def suspect(bits: Any, n: int, flag: Flag) -> Any:
    """Whether the bits of a row let its resource violate the ``n``-th flag."""
    asked, mark = 1 << (2 * n + 1), 1 << (2 * n + 2)
    return (bits & _mask(asked | mark)) == asked if flag.well else (bits & _mask(mark)) == mark


def violates(bits: Any, n: int, flag: Flag) -> Any:
    """Whether the joined bits of a resource say that it violates the ``n``-th flag."""
    asked, mark = 1 << (2 * n + 1), 1 << (2 * n + 2)
    return (bits & _mask(asked | mark)) == (asked if flag.well else asked | mark)


def _mask(bits: int) -> Any:
    import ibis

    return ibis.literal(bits, "int64")

"""From where the next extract has to ask, by resource type.

A change may become visible after later ones: a transaction takes up to two minutes from its time stamp to its end, and
the nodes of a server have clocks of their own. So the next extract begins before the end of this one, by an overlap,
and before the newest resource it has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

SLOWEST_TRANSACTION_S = 122
"""Transaction timeout and drift of clocks that LinuxForHealth's documentation tells readers to stay behind."""

NO_TIMES = "no-last-updated"
"""Some resources of the type say no ``meta.lastUpdated``: their changes cannot be asked for."""


def watermarks(
    kickoff: datetime, server_time: datetime | None, newest: Mapping[str, datetime], overlap: timedelta
) -> dict[str, datetime]:
    """The instant from which each type is asked again: the earliest of ``kickoff`` (our clock, before the first
    request), ``server_time`` (the server's clock then) and the ``newest`` resource of the type, less ``overlap``.

    A server that does not say its time is trusted up to ``SLOWEST_TRANSACTION_S`` before ours. A type of which nothing
    was seen has no watermark: it is asked for whole.
    """
    said = server_time if server_time is not None else kickoff - timedelta(seconds=SLOWEST_TRANSACTION_S)
    return {type_: min(kickoff, said, seen) - overlap for type_, seen in newest.items()}

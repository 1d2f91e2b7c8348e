"""Our own defects, said without a patient's value: a library's message may quote one, so it is not repeated."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.entry import ROOMS
from mappings.errors import BedsideError

SHOW_ALL = "BEDSIDE_TRACEBACK"


def sentence(error: Exception) -> str:
    """What went wrong and where in our code, in one sentence."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parts[-2:-1] != ("bin",)]
    ours = [f for f in frames if any(room in Path(f.filename).parts for room in ROOMS)] or frames
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"
    return (
        f"this is a defect of ours, not of your data: {type(error).__name__} at {where}. Please report it; "
        f"{SHOW_ALL}=1 shows all of it, which may include patients' values"
    )


@contextmanager
def without_values() -> Iterator[None]:
    """Let only errors out that hold no patient's value: for what others keep, as Prefect keeps a run's last message."""
    try:
        yield
    except BedsideError:
        raise
    except Exception as error:
        if os.environ.get(SHOW_ALL):
            raise
        raise BedsideError(sentence(error)) from None

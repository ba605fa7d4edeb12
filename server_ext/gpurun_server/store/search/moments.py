"""Points in time as people and programs write them."""

from __future__ import annotations

import math
from datetime import datetime

from gpurun_jupyter.core.errors import InvalidRequest


def moment(text: str) -> float:
    """Seconds since the epoch meant by `2026-11-24`, `2026-11-24T10:30`, with or without a zone, or by the seconds.

    Without a zone it is this machine's own. Raises InvalidRequest.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds):
        return seconds
    try:
        # Python reads a Z from 3.11 on only
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        hint = "Write 2026-11-24, 2026-11-24T10:30 or seconds since 1970."
        raise InvalidRequest(f"{text!r} is not a date.", hint) from None

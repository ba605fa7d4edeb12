"""Lines for people, where printing must never make a training fail."""

from __future__ import annotations

import contextlib
from typing import Any


def say(text: str, file: Any) -> None:
    """Print a line, or nothing where the stream is closed or missing."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if file is not None:
            print(text, file=file, flush=True)

"""What users pass, as numbers and names that JSON can hold."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

MAX_NAME_CHARS = 200


def number(value: Any, name: str) -> float:
    """The value as a float: a number, a numpy or torch scalar, an array of one element. Raises TypeError."""
    try:
        single = value.item() if callable(getattr(value, "item", None)) else value
        if isinstance(single, (str, bytes, bytearray)):
            raise TypeError("it is text")  # which `float` would read
        return float(single)
    except (TypeError, ValueError, OverflowError, RuntimeError, AttributeError) as error:
        kind = type(value).__name__
        raise TypeError(f"{name} must be one number, but is {kind} {_short(value)} ({error}).") from error


def finite_number(value: Any, name: str) -> float:
    """The same, and neither NaN nor infinite. Raises TypeError."""
    result = number(value, name)
    if not math.isfinite(result):
        raise TypeError(f"{name} must be a finite number, but is {result}.")
    return result


def named_path(path: Any, function: str) -> Path:
    """The file or directory that a function was given. Raises FileNotFoundError for anything else, also for a FIFO."""
    found = Path(os.fsdecode(path))
    if not found.exists():
        raise FileNotFoundError(f"report.{function}: there is no {str(path)!r}")
    if not (found.is_file() or found.is_dir()):
        raise FileNotFoundError(f"report.{function}: {str(path)!r} is neither a file nor a directory")
    return found


def in_json(value: float) -> Any:
    """The value as a log has it: what JSON has no number for is a word (see gpurun_jupyter.core.numbers)."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def clean_name(text: Any) -> str:
    """Any text as a label or a metric's name."""
    return str(text)[:MAX_NAME_CHARS].encode("utf-8", "replace").decode("utf-8")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

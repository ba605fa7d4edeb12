"""Durations and sizes as people write them: 90, "2h", "10G"."""

from __future__ import annotations

import re

from gpurun_jupyter.core.errors import InvalidRequest

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([a-z]*)")  # so few digits never overflow
_LONGEST_S = 1e10  # some three hundred years; clocks and timers take no more than so much


def parse_duration_s(text: str | float) -> float:
    """Seconds meant by `90`, `"90s"`, `"30m"`, `"2h"` or `"1.5d"`. Raises InvalidRequest."""
    found = _AMOUNT.fullmatch(str(text).strip().lower())
    if not found or found[2] not in _SECONDS or float(found[1]) == 0:
        raise InvalidRequest(f"{text!r} is not a duration.", "Write seconds or 90s, 30m, 2h, 1d.")
    return min(float(found[1]) * _SECONDS[found[2]], _LONGEST_S)


def parse_size_bytes(text: str | int) -> int:
    """Bytes meant by `1024`, `"512M"`, `"10G"` or `"10GB"` (powers of 1024). Raises InvalidRequest."""
    found = _AMOUNT.fullmatch(str(text).strip().lower())
    unit = re.sub(r"i?b$", "", found[2]) if found else ""
    if not found or unit not in _BYTES:
        raise InvalidRequest(f"{text!r} is not a size.", "Write bytes or 512M, 10G.")
    return int(float(found[1]) * _BYTES[unit])


def format_size(size_bytes: float) -> str:
    """`1536` as `1.5 KB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if size_bytes < 1024 or unit == "GB":
            return f"{size_bytes:.0f} {unit}" if unit == "B" or size_bytes >= 100 else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    raise AssertionError("unreachable")


def format_elapsed(seconds: float) -> str:
    """`102` as `1:42`, `3700` as `1:01:40`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

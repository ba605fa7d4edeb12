"""What a notice says: one run in its title, several as a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gpurun_jupyter.core.units import format_elapsed

_LISTED = 10
_MESSAGE_CHARACTERS = 200
_WORDS = {"succeeded": "succeeded", "failed": "failed", "cancelled": "cancelled", "timed_out": "timed out"}
_LOST = "out of sight"


def title(lines: Sequence[Any]) -> str:
    """What has happened."""
    if len(lines) == 1:
        return f"Run {lines[0].name}: {_word(lines[0])}"
    counted = Counter(_word(line) for line in lines)
    return f"{len(lines)} runs: {', '.join(f'{number} {word}' for word, number in counted.items())}"


def text(lines: Sequence[Any]) -> str:
    """A line for each run, of many for the first."""
    listed = [_line(line) for line in lines[:_LISTED]]
    more = [f"and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return "\n".join([*listed, *more])


def _line(line: Any) -> str:
    ran = line.outcome and line.started_at and line.finished_at
    after = f" after {format_elapsed(line.finished_at - line.started_at)}" if ran else ""
    why = next(iter(line.message.splitlines()), "")[:_MESSAGE_CHARACTERS]
    return f"{line.name} ({line.project}, {line.id}): {_word(line)}{after}{f'. {why}' if why else ''}"


def _word(line: Any) -> str:
    return _WORDS[line.outcome] if line.outcome else _LOST

"""The marker `[PROGRESS:...]`, which a run may print anywhere in a line.

    [PROGRESS:60]  [PROGRESS:60:text]  [PROGRESS:60%:text]      percent, 0 to 100
    [PROGRESS:3/10]  [PROGRESS:3/10:text]                       done of total
    [PROGRESS:3/10:text:loss=0.1, acc=0.9]                      and values

The text may hold colons but no closing bracket; a marker stands on one line. All else is ordinary text.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.readings import Reading, parse_pairs, short_label

PREFIX = "[PROGRESS:"
#: A marker that is not closed after this many characters is ordinary text.
MAX_CHARS = 400

_NUMBER = r"\d{1,15}(?:\.\d{1,15})?"
_MARKER = re.compile(rf"\[PROGRESS:\s*({_NUMBER})\s*(?:(%)|/\s*({_NUMBER}))?\s*(?::([^\]\r\n]*))?\]")


def read(text: str) -> Reading | None:
    """The marker that `text` begins with; None where it is malformed or out of range."""
    found = _MARKER.match(text)
    if not found:
        return None
    done, total = float(found[1]), float(found[3] or 100)
    if total <= 0 or done > total:
        return None
    label, values = _label_and_values(found[4] or "")
    return Reading(short_label(label), done, total, None, None, values, found.end(), True)


def _label_and_values(text: str) -> tuple[str, dict[str, float]]:
    label, colon, rest = text.rpartition(":")
    values = parse_pairs(rest) if colon else {}
    return (label, values) if values else (text, {})

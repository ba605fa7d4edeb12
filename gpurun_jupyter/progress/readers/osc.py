"""Control sequences that say something about the whole terminal, wherever they stand; they are taken out of the text.

    ESC ] 9 ; 4 ; state ; value BEL        progress (ConEmu, Windows Terminal, Ghostty); ST may end it instead of BEL
        state 0 none, 1 value in percent, 2 error, 3 going on, 4 paused; 2 and 4 may leave the value out
    ESC [ ? 25 l, ESC [ ? 25 h             the cursor is hidden and shown again: a live display begins and ends

Any other sequence, also another OSC 9, which is a notification in some terminals, is ordinary text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gpurun_jupyter.progress.readers.readings import Reading

_SEQUENCE = re.compile(r"\x1b(?:\]9;4;(\d)?;?(\d{1,3})?;?(?:\x07|\x1b\\)|\[\?25([lh]))")
_BEGUN = re.compile(r"\x1b(?:\]?|\](?:9(?:;(?:4(?:;[\d;]{0,6}\x1b?)?)?)?)|\[(?:\?(?:25?)?)?)\Z")
#: Longer than any sequence that has begun and not ended.
_MAX_CHARS = 16


def is_in(text: str) -> bool:
    """Whether there is such a sequence in the text, or its end may be the beginning of one."""
    if ("?" in text and "\x1b[?25" in text) or ("]" in text and "\x1b]9;4;" in text):
        return True
    return "\x1b" in text[-_MAX_CHARS:] and begun(text) < len(text)


def begun(text: str) -> int:
    """Where a sequence begins that the text's end leaves open; the text's length where there is none."""
    found = _BEGUN.search(text, max(0, len(text) - _MAX_CHARS))
    return found.start() if found else len(text)


def split(text: str) -> Iterator[tuple[str, Reading | bool | None]]:
    """The text in pieces, each with what came behind it: a bar, whether the cursor is hidden now, or nothing."""
    position = 0
    for found in _SEQUENCE.finditer(text):
        yield text[position : found.start()], found[3] == "l" if found[3] else _reading(found[1], found[2])
        position = found.end()
    yield text[position:], None


def _reading(state: str | None, value: str | None) -> Reading | None:
    if state == "3":
        return Reading("", 0.0, None, None, None, {}, 0, True)
    if state not in ("1", "2", "4") or value is None or int(value) > 100:
        return None
    return Reading("", float(value), 100.0, None, None, {}, 0, True)

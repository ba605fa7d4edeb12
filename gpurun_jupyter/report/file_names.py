r"""Names of files as texts: a name may hold bytes that are not UTF-8, which neither JSON, SQL nor HTTP can carry.

Python reads such a byte as half of a surrogate pair (PEP 383). As a text it is written `\xb0`, and a backslash that
would read as one is written `\x5c`: every other name stays as it is, and every text leads back to one name.
docs/decisions/0092-a-byte-of-a-file-name-is-written-xb0.md says why.
"""

from __future__ import annotations

import os
import re
from typing import Any

_ESCAPE = re.compile(r"\\x(5c|[89a-f][0-9a-f])")
_READS_AS_ONE = re.compile(r"\\(?=x(?:5c|[89a-f][0-9a-f]))")
_BYTE = re.compile("[\udc80-\udcff]")
_FIRST = 0xDC00  # the byte 0xb0 is read as U+DCB0


def as_text(path: Any) -> str:
    """The path, with slashes as it has them, as a text that anything can carry."""
    name = _READS_AS_ONE.sub(r"\\x5c", os.fspath(path))
    return _BYTE.sub(lambda found: f"\\x{ord(found[0]) - _FIRST:02x}", name)


def from_text(text: str) -> str:
    """The path that `as_text` wrote so; no escape stands for a slash, a dot or a NUL."""
    return _ESCAPE.sub(lambda found: "\\" if found[1] == "5c" else chr(_FIRST + int(found[1], 16)), text)


def as_typed(path: str) -> str:
    """The text that somebody means who types a path: it may be one, or hold the bytes as a shell gives them."""
    return as_text(path) if _BYTE.search(path) else path

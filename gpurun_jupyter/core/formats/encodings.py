"""The text of files that other programs wrote: UTF-8 with or without its mark, and UTF-16.

What is neither is refused: a guess that is wrong would be other letters, and nobody would be told.
"""

from __future__ import annotations

import codecs

from gpurun_jupyter.core.errors import InvalidRequest

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def encoding_of(data: bytes) -> str:
    """`utf-16-le` or `utf-16-be` where the beginning of a file says so, by its mark or by a NUL in it; else `utf-8`."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    if data[:1] and data[1:2] == b"\0" and data[:1] != b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" and data[1:2] not in (b"", b"\0") else "utf-8"


def text_of(data: bytes) -> str:
    """The text of a file without the mark at its beginning. Raises InvalidRequest."""
    encoding = encoding_of(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        guess = " It may be CP949, as Korean Windows writes it." if encoding == "utf-8" and _may_be_korean(data) else ""
        problem = f"Its text is no {encoding.upper()}: byte {error.start + 1} cannot be read.{guess}"
        raise InvalidRequest(problem, "Save it as UTF-8.") from error


def _may_be_korean(data: bytes) -> bool:
    """Whether it reads as the common part of CP949; what is Chinese or Japanese may do so too."""
    try:
        return any("\uac00" <= letter <= "\ud7a3" for letter in data.decode("euc_kr"))
    except UnicodeDecodeError:
        return False

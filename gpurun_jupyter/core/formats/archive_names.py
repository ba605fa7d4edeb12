"""What the members of a zip are called: zips say it in more than one way, and old ones in no way at all.

A name is UTF-8 where its flag (bit 11) or its 0x7075 field says so (APPNOTE.TXT 4.4.4 and 4.6.9). Without them it ought
to be CP437, which nobody keeps to: Finder writes UTF-8, Windows the code page of its language.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from gpurun_jupyter.core.errors import BadArchive

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
_FIELD = struct.Struct("<HH")
_ASCII = re.compile(rb"[\x00-\x7f]*")
_DRIVE = re.compile(r"[A-Za-z]:")

#: What other systems put beside the files: Finder's own, and the resource forks of macOS.
_OF_FINDER = ("__MACOSX", ".DS_Store")
_FORK = "._"


class _Language(NamedTuple):
    """A code page: of which language, and the bytes of its usual letters, and of signs that say neither yes nor no."""

    codec: str
    language: str
    usual: re.Pattern[bytes]
    signs: re.Pattern[bytes]


def _language(codec: str, language: str, usual: bytes, signs: bytes = rb"(?!)") -> _Language:
    return _Language(codec, language, re.compile(usual, re.DOTALL), re.compile(signs, re.DOTALL))


#: Where two fit, the first counts. Their usual letters are those of the first level, which nearly all text consists of.
_OF_TWO_BYTES = (
    _language("cp949", "Korean", rb"[\xb0-\xc8][\xa1-\xfe]", rb"[\xa1-\xac][\xa1-\xfe]"),
    _language(
        "cp932",
        "Japanese",
        rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]|[\x88-\x97][\x40-\xfc]|\x81[\x58\x5b]",
        rb"\x81.|\x82[\x4f-\x9a]",
    ),
    _language("gbk", "Chinese", rb"[\xb0-\xd7][\xa1-\xfe]", rb"[\xa1-\xa9][\xa1-\xfe]"),
    _language("big5", "Chinese", rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]", rb"[\xa1-\xa3]."),
)
_OF_ONE_BYTE = (
    _language(
        "cp850", "Western European", rb"[\x80-\x9b\x9d\xa0-\xa5\xb5-\xb7\xc6\xc7\xd0-\xd8\xde\xe0-\xe5\xe9-\xed]"
    ),
    _language("cp866", "Cyrillic", rb"[\x80-\xaf\xe0-\xf1]"),
)
_ENOUGH = 0.7  # of the letters have to be usual ones


class Names(NamedTuple):
    """The names of a zip's members in their order, and a sentence where they had to be guessed."""

    names: list[str]
    guess: str


def names_of(members: Sequence[zipfile.ZipInfo]) -> Names:
    """What the members are called. Raises BadArchive where that cannot be told."""
    told = [_told(member) for member in members]
    raw = [_raw(member) for member, name in zip(members, told, strict=True) if name is None]
    decoded, guess = _decoded(raw)
    rest = iter(decoded)
    return Names([next(rest) if name is None else name for name in told], guess)


def path_of(name: str) -> str | None:
    """The path in its folder of what has this name in a zip, with slashes; None for what is not wanted of it.

    Raises BadArchive for a path that leaves the folder.
    """
    # Some programs on Windows write backslashes, though the format has slashes.
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name[:1] in ("/", "\\") or ".." in parts or "\0" in name or (parts and _DRIVE.fullmatch(parts[0])):
        raise BadArchive(f"The path {name!r} in the zip leaves its folder.", "Zip the directory itself.")
    if not parts or parts[0] in _OF_FINDER or parts[-1] in _OF_FINDER or parts[-1].startswith(_FORK):
        return None
    return "/".join(parts)


def _told(member: zipfile.ZipInfo) -> str | None:
    """The name, where nothing has to be guessed."""
    if member.flag_bits & _UTF8_FLAG:
        return member.orig_filename  # `filename` is cut off at a NUL
    raw = _raw(member)
    return raw.decode() if _ASCII.fullmatch(raw) else _unicode_path(member.extra, raw)


def _raw(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode("cp437")  # as zipfile has decoded it


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name that the 0x7075 field says, if it is of this very name."""
    while len(extra) >= _FIELD.size:
        kind, size_bytes = _FIELD.unpack_from(extra)
        data, extra = extra[_FIELD.size : _FIELD.size + size_bytes], extra[_FIELD.size + size_bytes :]
        # What renames a member without knowing the field leaves that of the old name: the sum of the name tells.
        if kind == _UNICODE_PATH and data[:1] == b"\1" and data[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return _in("utf-8", data[5:])
    return None


def _decoded(raw: Sequence[bytes]) -> tuple[list[str], str]:
    """The names that nothing is said of, and a sentence where they are guessed. Raises BadArchive."""
    as_utf8 = [_in("utf-8", name) for name in raw]
    if None not in as_utf8:
        return _composed([name for name in as_utf8 if name is not None]), ""
    language = _guessed(raw)
    if language is None:
        raise BadArchive(
            f"In what encoding the names in the zip are cannot be told: {ascii(max(raw, key=len))[1:]} is one.",
            "Zip it again with names in UTF-8.",
        )
    guess = (
        f"names in the zip do not say their encoding and were read as {language.codec.upper()} ({language.language})"
    )
    return [name.decode(language.codec) for name in raw], guess


def _in(codec: str, raw: bytes) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _composed(names: list[str]) -> list[str]:
    """Names as keyboards and other systems write them: Finder's have their marks and syllables taken apart."""
    composed = [unicodedata.normalize("NFC", name) for name in names]
    # Two names that differ in nothing else would become one, and the zip be refused for it.
    return composed if len(set(composed)) == len(set(names)) else names


def _guessed(raw: Sequence[bytes]) -> _Language | None:
    """The language that the names are in; two letters of it in a row count more than one."""
    found = {one: fit for one in _OF_TWO_BYTES if (fit := _fit(one, raw)) is not None and fit.share >= _ENOUGH}
    best = max(found, key=lambda one: found[one].share, default=None)
    if best is not None and found[best].in_a_row:  # a lone pair may be é and its neighbour
        return best
    # Any bytes can be read in these, so every letter has to be a usual one.
    alone = [one for one in _OF_ONE_BYTE if (fit := _fit(one, raw)) is not None and fit.share == 1]
    return alone[0] if alone else best


class _Fit(NamedTuple):
    """Which share of the letters is usual in a language, and whether two such are in a row anywhere."""

    share: float
    in_a_row: bool


def _fit(language: _Language, raw: Sequence[bytes]) -> _Fit | None:
    usual, letters, in_a_row = 0, 0, False
    for name in raw:
        text = _in(language.codec, name)
        if text is None:
            return None
        before = False
        for character in text:
            encoded = character.encode(language.codec)
            is_usual = character > "\x7f" and language.usual.fullmatch(encoded) is not None
            is_letter = is_usual or (character > "\x7f" and not language.signs.fullmatch(encoded))
            usual, letters, in_a_row = usual + is_usual, letters + is_letter, in_a_row or (before and is_usual)
            before = is_usual
    return _Fit(usual / letters, in_a_row) if letters else None

"""Zips as other systems and programs make them, with their names as bytes."""

from __future__ import annotations

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable

WINDOWS, UNIX = 0, 3

#: What a run in each of them prints: where it found its file, and what that holds.
KOREAN, JAPANESE = "데이터/학습.csv", "データ/学習データ.csv"
READ = "print(open({name!r}, encoding='utf-8').read())\n"


class _Named(zipfile.ZipInfo):
    """A member whose name is written as these bytes, without a word on their encoding."""

    raw: bytes

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.raw, self.flag_bits & ~0x800


def zip_of(members: Iterable[tuple[bytes, bytes]], system: int = WINDOWS, unicode_path: bool = False) -> bytes:
    """A zip of members by their names; `unicode_path` adds to each the field that says its name in UTF-8."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, (raw, content) in enumerate(members):
            member = _Named(str(number))
            member.raw, member.create_system = raw, system
            if unicode_path:
                member.extra = _unicode_path(raw, raw.decode("cp949"))
            archive.writestr(member, content)
    return packed.getvalue()


def _unicode_path(raw: bytes, name: str) -> bytes:
    data = b"\1" + zlib.crc32(raw).to_bytes(4, "little") + name.encode()
    return struct.pack("<HH", 0x9999, 2) + b"??" + struct.pack("<HH", 0x7075, len(data)) + data


def project(name: str, codec: str, system: int = WINDOWS, unicode_path: bool = False) -> bytes:
    """A zip whose main.py prints the file of this name."""
    members = [(b"main.py", READ.format(name=name).encode()), (name.encode(codec), f"read {name}".encode())]
    return zip_of(members, system, unicode_path)


#: Zips, and the name of the file that each one's main.py prints.
ZIPS: dict[str, tuple[bytes, str]] = {
    "Korean Windows": (project(KOREAN, "cp949"), KOREAN),
    "Japanese Windows": (project(JAPANESE, "cp932"), JAPANESE),
    "Japanese Windows, a letter with a backslash": (project("表/ソース表.csv", "cp932"), "表/ソース表.csv"),
    "Chinese Windows": (project("数据/训练集.csv", "gbk"), "数据/训练集.csv"),
    "Taiwanese Windows": (project("資料/訓練集.csv", "big5"), "資料/訓練集.csv"),
    "German Windows": (project("Größe/Übung.csv", "cp850"), "Größe/Übung.csv"),
    "French Windows": (project("Noël/été/père.csv", "cp850"), "Noël/été/père.csv"),
    "Russian Windows": (project("данные/обучение.csv", "cp866"), "данные/обучение.csv"),
    "Korean Windows, the name said": (project(KOREAN, "cp949", unicode_path=True), KOREAN),
    "Finder": (project(KOREAN, "utf-8", UNIX), KOREAN),
    "Finder, letters taken apart": (
        zip_of(
            [
                (b"main.py", READ.format(name=KOREAN).encode()),
                (unicodedata.normalize("NFD", KOREAN).encode(), f"read {KOREAN}".encode()),
            ],
            UNIX,
        ),
        KOREAN,
    ),
    "Finder, a folder": (
        zip_of(
            [
                (b"proj/", b""),
                (b"proj/main.py", READ.format(name="a.txt").encode()),
                (b"proj/a.txt", b"read a.txt"),
                (b"proj/.DS_Store", b"\0\0\0\1Bud1"),
                (b"__MACOSX/", b""),
                (b"__MACOSX/proj/", b""),
                (b"__MACOSX/proj/._main.py", b"\0\5\x16\7"),
                (b"proj/._a.txt", b"\0\5\x16\7"),
            ],
            UNIX,
        ),
        "a.txt",
    ),
    "PowerShell 5": (
        zip_of(
            [
                (b"main.py", READ.format(name="data/a.txt").encode()),
                (b"data\\", b""),
                (b"data\\a.txt", b"read data/a.txt"),
            ]
        ),
        "data/a.txt",
    ),
    "a leading ./": (
        zip_of(
            [
                (b"./", b""),
                (b"./main.py", READ.format(name="data/a.txt").encode()),
                (b"./data/./a.txt", b"read data/a.txt"),
            ],
            UNIX,
        ),
        "data/a.txt",
    ),
}

_WHOLE = zip_of([(b"main.py", b"print('run, and should not have been')\n" * 20)], UNIX)
#: Zips that never came whole, or were damaged.
DAMAGED = {
    "cut in half": _WHOLE[: len(_WHOLE) // 2],
    "without its end": _WHOLE[:-10],
    "zeros inside": _WHOLE[:10] + b"\0" * 40 + _WHOLE[50:],
    "zeros in its directory": _WHOLE[:-60] + b"\0" * 38 + _WHOLE[-22:],
    "empty": b"",
}

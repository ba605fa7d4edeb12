"""The wildcards of .gitignore as regular expressions over bytes, as git's own wildmatch.c takes them.

gitignore(5) describes them; what it leaves open is as git 2.39 does it. A name is its bytes: `?` is one byte of an `é`.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(rb"[*?[\\]")
_STARS = re.compile(rb"\*+")
_CLASSES = {
    b"alnum": rb"A-Za-z0-9",
    b"alpha": rb"A-Za-z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"!-~",
    b"lower": rb"a-z",
    b"print": rb" -~",
    b"punct": rb"!-/:-@\[-`{-~",
    b"space": rb" \t\n\r",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9A-Fa-f",
}
#: Pieces that are no expression yet, that take whole folders, and that end a folder's name; all others take one byte.
_STAR, _FOLDERS, _REST = b"*", b"(?:.*/)?", b".*"
_ENDS = (b"/", _FOLDERS, _REST)


class Malformed(Exception):
    """Raised for a pattern that matches nothing, whatever the name: a class without its end, a last backslash."""


def expression(pattern: bytes, name: bytes = b"g") -> bytes:
    """A regular expression for a whole path; the names of its groups begin with `name`. Raises Malformed."""
    first = _SPECIAL.search(pattern)
    plain = len(pattern) if first is None else first.start()
    # git compares what comes before the first wildcard by itself, so `a**/b` is `a`, then `**/b`.
    return re.escape(pattern[:plain]) + _joined(_pieces(pattern[plain:]), name)


def _pieces(pattern: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(pattern):
        piece, at = _piece(pattern, at)
        found.append(piece)
    return found


def _piece(pattern: bytes, at: int) -> tuple[bytes, int]:
    """The piece at this place, and where the next one begins."""
    here = pattern[at : at + 1]
    if here == b"*":
        return _stars(pattern, at)
    if here == b"?":
        return b"[^/]", at + 1
    if here == b"[":
        return _class(pattern, at + 1)
    if here == b"\\":
        at += 1
        if at == len(pattern):
            raise Malformed
    return re.escape(pattern[at : at + 1]), at + 1


def _stars(pattern: bytes, at: int) -> tuple[bytes, int]:
    found = _STARS.match(pattern, at)
    assert found is not None
    after = pattern[found.end() : found.end() + 2]
    is_folder = at == 0 or pattern[at - 1 : at] == b"/"
    # Only `**` that is all of a folder's name crosses slashes.
    if len(found[0]) == 1 or not is_folder or not (after[:1] in (b"", b"/") or after == b"\\/"):
        return _STAR, found.end()
    if after[:1] == b"/":
        return _FOLDERS, found.end() + 1
    return _REST, found.end()


def _class(pattern: bytes, at: int) -> tuple[bytes, int]:
    """`[...]` from behind its bracket on."""
    is_negated = pattern[at : at + 1] in (b"!", b"^")
    at += is_negated
    inside, before, first = b"", b"", True
    while first or pattern[at : at + 1] != b"]":  # at the beginning, `]` is one of the class
        first = False
        part, before, at = _part(pattern, at, before)
        inside += part
    if is_negated:
        return b"[^/" + inside + b"]", at + 1
    return b"(?!/)[" + inside + b"]" if inside else b"(?!)", at + 1


def _part(pattern: bytes, at: int, before: bytes) -> tuple[bytes, bytes, int]:
    """One part of a class, what a range may begin with behind it, and where the next one begins."""
    here = _byte(pattern, at)
    if here == b"\\":
        here = _byte(pattern, at + 1)
        return _escaped(here), here, at + 2
    if here == b"-" and before and pattern[at + 1 : at + 2] not in (b"", b"]"):  # else it is itself
        at += 1
        if pattern[at : at + 1] == b"\\":
            at += 1
        last = _byte(pattern, at)
        # A range that goes backwards takes nothing; re would refuse it.
        return (_escaped(before) + b"-" + _escaped(last) if before <= last else b""), b"", at + 1
    if pattern[at : at + 2] == b"[:":
        end = pattern.find(b"]", at + 2)
        if end < 0:
            raise Malformed
        if end > at + 2 and pattern[end - 1 : end] == b":":
            name = pattern[at + 2 : end - 1]
            if name not in _CLASSES:
                raise Malformed
            return _CLASSES[name], b"", end + 1
    return _escaped(here), here, at + 1


def _byte(pattern: bytes, at: int) -> bytes:
    found = pattern[at : at + 1]
    if not found:
        raise Malformed
    return found


def _escaped(byte: bytes) -> bytes:
    return b"\\x%02x" % byte[0]  # all of them: then none means something to re


def _joined(pieces: list[bytes], name: bytes) -> bytes:
    """The pieces as one expression, folder by folder."""
    found: list[bytes] = []
    folder: list[bytes] = []
    for piece in pieces:
        if piece in _ENDS:
            found += [_within(folder, b"%s_%d" % (name, len(found))), piece]
            folder = []
        else:
            folder.append(piece)
    return b"".join([*found, _within(folder, b"%s_%d" % (name, len(found)))])


def _within(folder: list[bytes], name: bytes) -> bytes:
    """The pieces of one folder's name. Each `*` but the last takes the least that fits, for good.

    More would help nothing, and to try would take time without end where there are many.
    """
    groups: list[bytes] = [b""]
    for piece in folder:
        if piece == _STAR:
            groups.append(b"")
        else:
            groups[-1] += piece
    found = groups[0]
    for number, group in enumerate(groups[1:-1]):
        one = b"%s_%d" % (name, number)
        found += b"(?=(?P<%s>[^/]*?%s))(?P=%s)" % (one, group, one)
    return found + (b"[^/]*" + groups[-1] if len(groups) > 1 else b"")

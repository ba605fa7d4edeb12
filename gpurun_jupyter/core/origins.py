"""Where a run comes from: what is the same when a person runs the same cell or the same script again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec

LONGEST = 1000  # characters
_Text = Annotated[str, msgspec.Meta(max_length=LONGEST)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**6)]


class Origin(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The notebook and the cell of it that were run, or the directory that was shipped, with its commit.

    `notebook` is its path or the name of its session, `cell` the cell's id, `number` that of its prompt, `lines_above`
    the lines of it above the code that was sent, `directory` a name. `dirty`: the directory was not as the commit has
    it. Each is None where the client does not know.
    """

    notebook: _Text | None = None
    cell: _Text | None = None
    number: _Count | None = None
    lines_above: _Count = 0
    directory: _Text | None = None
    commit: _Text | None = None
    dirty: bool | None = None


def of_notebook(path: Path) -> Origin | None:
    """The origin of a run of this whole notebook; None where its path is longer than an origin may be."""
    whole = str(path.absolute())
    return Origin(notebook=whole) if len(whole) <= LONGEST else None


def below(root: str, path: str) -> str | None:
    """The path of a file relative to a directory, with slashes; None where it is not below it.

    A path that does not begin at the top is one from the directory.
    """
    for plain in (os.path.normpath, os.path.realpath):  # one place may have two names: on macOS /tmp is /private/tmp
        top, place = Path(plain(root)), Path(plain(Path(root, path)))
        if place != top and place.is_relative_to(top):
            return place.relative_to(top).as_posix()
    return None

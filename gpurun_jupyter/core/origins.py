"""Where a run comes from: what is the same when a person runs the same cell or the same script again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from gpurun_jupyter.core.runs import RunSpec

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
    for plain in (os.path.normpath, os.path.realpath):
        top, place = Path(plain(root)), Path(plain(Path(root, path)))
        if place != top and place.is_relative_to(top):
            return place.relative_to(top).as_posix()
    return None


def origin_of(spec: RunSpec) -> str | None:
    """A text that runs with the same origin have in common: their cell, their script, else the name they were given."""
    origin = spec.origin or Origin()
    if spec.kind == "cell" and origin.cell is not None:
        return _text("cell", origin.notebook or "", origin.cell)
    if spec.notebook is not None:
        return _text("notebook", spec.notebook.name)
    if spec.kind == "dir" and spec.dir is not None and origin.directory is not None:
        return _text("entry", origin.directory, " ".join(spec.dir.what))
    if spec.files is not None:
        return _text("files", spec.files)
    return _text("name", spec.project, spec.name) if spec.name is not None else None


def _text(*parts: str) -> str:
    return "\x1f".join(parts)

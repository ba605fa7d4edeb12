"""Which files a directory run ships, and which of them it runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.errors import FileMissing, InvalidRequest
from gpurun_jupyter.core.formats.archives import is_zip, reading
from gpurun_jupyter.core.origins import below
from gpurun_jupyter.shipping.collect import Shipment, collect, single
from gpurun_jupyter.shipping.imports import local_modules


class Chosen(NamedTuple):
    """An entry point, or None for a module, and the files that it comes with; None where a zip brings them.

    `notes` is what there is to say of a zip.
    """

    entry: str | None
    shipment: Shipment | None
    notes: Sequence[str] = ()


def chosen(path: Path, entry: str | None, *, module: str | None = None, ask_git: bool = True) -> Chosen:
    """What to run of a directory, a zip or one file; without `entry` one file is its own, and a zip is looked into.

    A Python file takes along the modules beside it that it imports. A `module` needs no entry, and may be one that is
    installed where it runs.

    Raises InvalidRequest, FileMissing, BadArchive, SecretsFound and TooLarge.
    """
    if entry is not None and module is not None:
        raise InvalidRequest("A run has an entry point or a module, not both.", "Leave one of them out.")
    if path.is_file() and is_zip(path):
        with reading(path) as packed:
            notes = [packed.guess] if packed.guess else []
            return Chosen(None if module else entry or _entry_of_zip(path.name, packed.files), None, notes)
    if module is not None and path.is_file():
        raise InvalidRequest(f"{path.name} is a file, and a module is one of a directory.", "Name its directory.")
    shipment = collect(path, ask_git=ask_git) if path.is_dir() else _with_modules(path)
    if module is not None:
        return Chosen(None, shipment)
    entry = path.name if entry is None and not path.is_dir() else entry
    if entry is None:
        raise InvalidRequest(f"Which file of the directory {path} to run was not said.", "Name its entry.")
    entry = place_in(path if path.is_dir() else path.parent, entry)
    if entry not in {file.name for file in shipment.files}:
        # It, or a folder above it, was left out: that is the reason.
        why = next((one.why for one in shipment.left_out if f"{entry}/".startswith(f"{one.name}/")), "")
        raise FileMissing(
            f"{path} ships no file {entry!r}{f' ({why})' if why else ''}.", "Name one by its path in there."
        )
    return Chosen(entry, shipment)


def place_in(directory: Path, entry: str) -> str:
    """The path of an entry point in its directory, with slashes, of whatever it was called: `./a.py`, `b/../a.py`,
    or its whole path.

    Raises InvalidRequest for one that is outside.
    """
    found = below(os.path.abspath(directory), entry)  # noqa: PTH100 - a link in its path stays one
    if found is None:
        raise InvalidRequest(
            f"The entry point {entry!r} is outside the directory {directory}.", "Name a file inside it."
        )
    return found


def _with_modules(path: Path) -> Shipment:
    alone = single(path)
    if path.suffix != ".py":
        return alone
    modules = local_modules(path.read_text("utf-8", "replace"), [str(alone.root)])  # the script's path, not ours
    if modules is None:
        return alone
    beside = [file for file in modules.files if file.name != path.name]
    return Shipment(alone.root, [*alone.files, *beside])


def _entry_of_zip(zip_name: str, names: Sequence[str]) -> str:
    """The entry point of a zip with these files: main.py, or the only script at its top. Raises InvalidRequest."""
    tops = {name.partition("/")[0] for name in names}
    if len(tops) == 1 and all("/" in name for name in names):  # the server unwraps a single top folder
        names = [name.partition("/")[2] for name in names]
    scripts = [name for name in names if "/" not in name and name.endswith(".py")]
    if "main.py" in scripts or len(scripts) == 1:
        return "main.py" if "main.py" in scripts else scripts[0]
    there = f"there are {', '.join(sorted(scripts))}" if scripts else "no Python file is at its top"
    raise InvalidRequest(f"Which file of {zip_name} to run was not said: {there}.", "Name its entry point.")

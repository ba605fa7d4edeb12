"""Which files a directory run ships, and which of them it runs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.errors import FileMissing, InvalidRequest
from gpurun_jupyter.shipping.collect import Shipment, collect, single
from gpurun_jupyter.shipping.imports import local_modules


class Chosen(NamedTuple):
    """An entry point and the files that it comes with; None where a zip brings them."""

    entry: str
    shipment: Shipment | None


def chosen(path: Path, entry: str | None, *, ask_git: bool = True) -> Chosen:
    """What to run of a directory, a zip or one file; without `entry` one file is its own, and a zip is looked into.

    A Python file takes along the modules beside it that it imports.

    Raises InvalidRequest, FileMissing, SecretsFound and TooLarge.
    """
    if zipfile.is_zipfile(path):
        return Chosen(entry or entry_of_zip(path), None)
    shipment = collect(path, ask_git=ask_git) if path.is_dir() else _with_modules(path)
    entry = entry or (None if path.is_dir() else path.name)
    if entry is None:
        raise InvalidRequest(f"Which file of the directory {path} to run was not said.", "Name its entry.")
    if entry not in {file.name for file in shipment.files}:
        why = next((one.why for one in shipment.left_out if f"{entry}/".startswith(f"{one.name}/")), "")
        raise FileMissing(
            f"{path} ships no file {entry!r}{f' ({why})' if why else ''}.", "Name one by its path in there."
        )
    return Chosen(entry, shipment)


def _with_modules(path: Path) -> Shipment:
    alone = single(path)
    if path.suffix != ".py":
        return alone
    modules = local_modules(path.read_text("utf-8", "replace"), [str(alone.root)])
    if modules is None:
        return alone
    beside = [file for file in modules.files if file.name != path.name]
    return Shipment(alone.root, [*alone.files, *beside])


def entry_of_zip(path: Path) -> str:
    """The entry point of a zip: main.py, or the only script at its top. Raises InvalidRequest."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    tops = {name.partition("/")[0] for name in names}
    if len(tops) == 1 and all("/" in name for name in names):  # the server unwraps a single top folder
        names = [name.partition("/")[2] for name in names]
    scripts = [name for name in names if "/" not in name and name.endswith(".py")]
    if "main.py" in scripts or len(scripts) == 1:
        return "main.py" if "main.py" in scripts else scripts[0]
    there = f"there are {', '.join(sorted(scripts))}" if scripts else "no Python file is at its top"
    raise InvalidRequest(f"Which file of {path.name} to run was not said: {there}.", "Name its entry point.")

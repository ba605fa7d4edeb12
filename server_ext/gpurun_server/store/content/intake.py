"""Taking in what arrived: a zip of blobs, somebody's zip of a project, or a directory that lies on this machine."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.errors import BadArchive
from gpurun_jupyter.core.formats.archives import DEFAULT_LIMITS, reading, top_folder
from gpurun_jupyter.core.manifests import Entry
from gpurun_jupyter.shipping.collect import WENT_AWAY, File, LeftOut, Shipment, changed_meanwhile
from gpurun_jupyter.shipping.hashes import Hashed, hashed
from gpurun_jupyter.shipping.reading import WentAway, pieces
from gpurun_server.store.content.blobs import Blobs


class Taken(NamedTuple):
    """A directory that was kept: its manifest's sha256, and what there is to say of its files."""

    manifest: str
    notes: list[str]


def take_blobs(blobs: Blobs, path: Path) -> int:
    """Keep the members of a zip, each named by its sha256; returns how many. Raises BadArchive and WrongDigest."""
    with reading(path) as packed:
        for name in packed.files:
            if len(name) != 64 or not set(name) <= set("0123456789abcdef"):
                raise BadArchive(f"{name!r} is not a sha256.", "Name each member by the sha256 of its content.")
        for name in packed.files:
            blobs.keep(packed.pieces(name), name)
        return len(packed.files)


def take_project(blobs: Blobs, path: Path, entry: str | None, module: str | None = None) -> Taken:
    """Keep the files of a zip of a directory; a single top folder is unwrapped. Raises BadArchive."""
    with reading(path) as packed:
        files = {}
        for name in packed.files:
            digest, size_bytes = blobs.keep(packed.pieces(name))
            files[name] = Entry(name, digest, size_bytes, packed.executable(name))
        _follow(files, packed.links)
    wrapped = top_folder(list(files), entry, module)
    entries = [
        Entry(one.path.removeprefix(wrapped), one.digest, one.size_bytes, one.executable) for one in files.values()
    ]
    return Taken(blobs.keep_manifest(entries), [packed.guess] if packed.guess else [])


def take_directory(blobs: Blobs, shipment: Shipment) -> Taken:
    """Keep the files of a directory of this machine, each as it is when it is read. Raises InvalidRequest."""
    entries, notes = [], []
    for file, before in zip(shipment.files, hashed(shipment), strict=True):
        content = before if before is None or blobs.has(*before) else _kept(blobs, file)
        if content is None:
            notes.append(LeftOut(file.name, WENT_AWAY).note)
            continue
        if content != before:
            notes.append(changed_meanwhile(file))
        entries.append(Entry(file.name, *content, file.executable))
    return Taken(blobs.keep_manifest(entries), notes)


def _kept(blobs: Blobs, file: File) -> Hashed | None:
    try:
        return Hashed(*blobs.keep(pieces(file.path)))
    except WentAway:
        return None


def _follow(files: dict[str, Entry], links: dict[str, str]) -> None:
    """Put what each link points to in its place: workspaces hold no links. Those that lead nowhere are left out."""
    waiting = {name: posixpath.normpath(posixpath.join(posixpath.dirname(name), to)) for name, to in links.items()}
    while waiting:
        ready = [name for name, target in waiting.items() if not _needs(target, waiting)]
        if not ready:
            return  # what is left leads in circles
        for name in ready:
            _copy(files, name, waiting.pop(name))


def _needs(target: str, waiting: dict[str, str]) -> bool:
    """Whether links have to be followed first: the target is one, lies below one, or holds one, perhaps this one."""
    return target == "." or any(
        link == target or link.startswith(f"{target}/") or target.startswith(f"{link}/") for link in waiting
    )


def _copy(files: dict[str, Entry], name: str, target: str) -> None:
    found = [one for one in files.values() if one.path == target or one.path.startswith(f"{target}/")]
    for one in found:
        path = name + one.path[len(target) :]
        files[path] = Entry(path, one.digest, one.size_bytes, one.executable)
    # after each link: links to folders that hold links multiply
    if len(files) > DEFAULT_LIMITS.files or sum(one.size_bytes for one in files.values()) > DEFAULT_LIMITS.total_bytes:
        raise BadArchive("The links in the zip make too much of it.", "Zip what is needed, without links.")

"""Taking in what arrived: a zip of blobs, or somebody's zip of a project, which becomes blobs and a manifest."""

from __future__ import annotations

import posixpath
from pathlib import Path

from gpurun_jupyter.core.archives import DEFAULT_LIMITS, reading, top_folder
from gpurun_jupyter.core.errors import BadArchive
from gpurun_jupyter.core.manifests import Entry
from gpurun_server.store.blobs import Blobs


def take_blobs(blobs: Blobs, path: Path) -> int:
    """Keep the members of a zip, each named by its sha256; returns how many. Raises BadArchive and WrongDigest."""
    with reading(path) as packed:
        for name in packed.files:
            if len(name) != 64 or not set(name) <= set("0123456789abcdef"):
                raise BadArchive(f"{name!r} is not a sha256.", "Name each member by the sha256 of its content.")
        for name in packed.files:
            blobs.keep(packed.pieces(name), name)
        return len(packed.files)


def take_project(blobs: Blobs, path: Path, entry: str | None) -> list[Entry]:
    """Keep the files of a zip of a directory; a single top folder is unwrapped. Raises BadArchive."""
    with reading(path) as packed:
        files = {}
        for name in packed.files:
            digest, size_bytes = blobs.keep(packed.pieces(name))
            files[name] = Entry(name, digest, size_bytes, packed.executable(name))
        _follow(files, packed.links)
    wrapped = top_folder(list(files), entry)
    return [Entry(one.path.removeprefix(wrapped), one.digest, one.size_bytes, one.executable) for one in files.values()]


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
    if len(files) > DEFAULT_LIMITS.files or sum(one.size_bytes for one in files.values()) > DEFAULT_LIMITS.total_bytes:
        raise BadArchive("The links in the zip make too much of it.", "Zip what is needed, without links.")

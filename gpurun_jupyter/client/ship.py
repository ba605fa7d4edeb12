"""A directory as a zip: what .gitignore leaves in, without junk, never more than the size guard allows."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.errors import FileMissing, InvalidRequest, TooLarge
from gpurun_jupyter.core.runs import SIZE_GUARD_BYTES
from gpurun_jupyter.core.units import format_size

#: Left out wherever they stand: other programs make them, and no run needs them.
JUNK = frozenset(
    {".git", ".hg", ".svn", ".DS_Store", "__pycache__", ".ipynb_checkpoints", ".venv", "node_modules"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"}
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # every zip of the same files is the same bytes
_COPY_BYTES = 2**20


class File(NamedTuple):
    """A file to ship: its place in the directory with slashes, where it lies, its size in bytes, its mode."""

    name: str
    path: Path
    size_bytes: int
    mode: int


class Shipment(NamedTuple):
    """What a directory comes to: its files in order, and a sentence for what had to be left out."""

    files: list[File]
    notes: list[str]

    @property
    def size_bytes(self) -> int:
        """The files' sizes added up, before compression."""
        return sum(file.size_bytes for file in self.files)

    def told(self) -> list[str]:
        """What is shipped and what is not, a sentence each."""
        count = len(self.files)
        return [
            f"shipping {count} file{'' if count == 1 else 's'} ({format_size(self.size_bytes)})",
            *self.notes,
        ]


def collect(directory: Path | str, limit_bytes: int = SIZE_GUARD_BYTES) -> Shipment:
    """The files of a directory that would be shipped; reads no content. Raises FileMissing and TooLarge."""
    root = Path(directory).expanduser().resolve()
    if not root.is_dir():
        raise FileMissing(f"There is no directory {str(directory)!r}.", "Name one that exists.")
    notes: list[str] = []
    shipment = Shipment(sorted(_walk(_Place(root, root, "", (root,), ()), notes)), notes)
    if shipment.size_bytes > limit_bytes:
        raise _too_large(root, shipment, limit_bytes)
    return shipment


def single(path: Path, limit_bytes: int = SIZE_GUARD_BYTES) -> Shipment:
    """One file alone. Raises FileMissing and TooLarge."""
    if not path.is_file():
        raise FileMissing(f"There is no file {str(path)!r}.", "Name one that exists.")
    found = path.stat()
    if found.st_size > limit_bytes:
        raise TooLarge(f"{path} is {format_size(found.st_size)}, more than {format_size(limit_bytes)}.")
    return Shipment([File(path.name, path, found.st_size, found.st_mode)], [])


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


@contextlib.contextmanager
def zipped(shipment: Shipment) -> Iterator[Path]:
    """A temporary zip of the shipment, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gpurun-") as folder:
        path = Path(folder) / "shipment.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for file in shipment.files:
                _add(archive, file)
        yield path


class _Place(NamedTuple):
    """A directory on the way down; `chain` are the directories above it, `ignores` their .gitignore files."""

    root: Path
    path: Path
    name: str
    chain: tuple[Path, ...]
    ignores: tuple[tuple[str, object], ...]


def _walk(place: _Place, notes: list[str]) -> Iterator[File]:
    place = place._replace(ignores=(*place.ignores, *_ignore_file(place)))
    try:
        entries = sorted(os.scandir(place.path), key=lambda entry: entry.name)
    except OSError as error:
        raise InvalidRequest(
            f"{place.path} cannot be read ({error.strerror}).", "Leave it out with .gitignore."
        ) from error
    for entry in entries:
        yield from _look_at(entry, place, notes)


def _look_at(entry: os.DirEntry[str], place: _Place, notes: list[str]) -> Iterator[File]:
    """What one entry of a directory comes to: a file, a directory's files, or nothing and perhaps a note."""
    name = place.name + entry.name
    if entry.name in JUNK or _ignored(name, place, entry.is_dir(follow_symlinks=False)):
        return
    path = Path(entry.path)
    if entry.is_symlink() and (why := _bad_link(path, place)):
        notes.append(f"left out {name}: {why}")
        return
    if not name.isprintable() and _undecodable(name):
        notes.append(f"left out {name!r}: its name is not valid text")
        return
    found = entry.stat()
    if stat.S_ISDIR(found.st_mode):
        if not (path / "pyvenv.cfg").exists():
            real = path.resolve()
            yield from _walk(place._replace(path=path, name=f"{name}/", chain=(*place.chain, real)), notes)
    elif stat.S_ISREG(found.st_mode):
        yield File(name, path, found.st_size, found.st_mode)
    else:
        notes.append(f"left out {name}: it is neither a file nor a directory")


def _bad_link(path: Path, place: _Place) -> str:
    """Why a link cannot be shipped; an empty string where what it points to can go in its place."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "a link that leads nowhere"
    if not target.is_relative_to(place.root):
        return f"a link out of the directory; if the run can see {target}, name that path in the code"
    return "a link to a directory that it lies in" if target in place.chain else ""


def _ignore_file(place: _Place) -> list[tuple[str, object]]:
    path = place.path / ".gitignore"
    if not path.is_file():
        return []
    from pathspec import GitIgnoreSpec

    return [(place.name, GitIgnoreSpec.from_lines(path.read_text("utf-8", "replace").splitlines()))]


def _ignored(name: str, place: _Place, is_dir: bool) -> bool:
    """As git decides: the nearest .gitignore that has something to say."""
    for base, spec in reversed(place.ignores):
        verdict = spec.check_file(name[len(base) :] + ("/" if is_dir else "")).include  # type: ignore[attr-defined]
        if verdict is not None:
            return bool(verdict)
    return False


def _undecodable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _too_large(root: Path, shipment: Shipment, limit_bytes: int) -> TooLarge:
    folders: Counter[str] = Counter()
    for file in shipment.files:
        folder = "/".join(file.name.split("/")[:-1][:2])
        folders[f"{folder}/" if folder else "files beside them"] += file.size_bytes
    biggest = ", ".join(f"{name} {format_size(size)}" for name, size in folders.most_common(3))
    return TooLarge(
        f"{root} holds {format_size(shipment.size_bytes)} in {len(shipment.files)} files; "
        f"at most {format_size(limit_bytes)} are shipped. The biggest: {biggest}.",
        "Leave data out with a .gitignore file, ship a smaller directory, "
        "or name data that already lies on the machine by its path.",
    )


def _unreadable(path: Path, error: OSError) -> InvalidRequest:
    return InvalidRequest(f"{path} cannot be read ({error.strerror}).", "Leave it out with .gitignore.")


def _add(archive: zipfile.ZipFile, file: File) -> None:
    entry = zipfile.ZipInfo(file.name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | (0o755 if file.mode & stat.S_IXUSR else 0o644)) << 16
    entry.file_size = file.size_bytes  # zipfile decides by it whether the entry needs 64-bit sizes
    try:
        with file.path.open("rb") as source, archive.open(entry, "w") as target:
            while piece := source.read(_COPY_BYTES):
                target.write(piece)
    except OSError as error:
        raise InvalidRequest(
            f"{file.path} cannot be read ({error.strerror}).", "Leave it out with .gitignore."
        ) from error

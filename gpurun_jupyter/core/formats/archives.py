"""Zips from elsewhere: what is refused, and how one is read."""

from __future__ import annotations

import contextlib
import errno
import lzma
import posixpath
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gpurun_jupyter.core.errors import BadArchive
from gpurun_jupyter.core.formats.archive_names import names_of, path_of
from gpurun_jupyter.core.units import format_size

_CHUNK_BYTES = 2**20
_LINK_BYTES = 4096  # Linux has no longer paths
_BEGINNING = b"PK\3\4"  # of a first member; the directory that tells a zip is at its end, and cut off first
_AGAIN = "It may have been cut off on the way: make it or download it again."

#: What zipfile raises for bytes that are no zip, or a damaged one; RuntimeError for one that is encrypted.
_DAMAGE = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    EOFError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)


class Limits(msgspec.Struct, frozen=True):
    """How much a zip may hold. The ratio counts only above `ratio_from_bytes`: small texts pack very well."""

    files: int = 100_000
    total_bytes: int = 20 * 2**30
    ratio: float = 200.0
    ratio_from_bytes: int = 100 * 2**20


DEFAULT_LIMITS = Limits()


def check(path: Path, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    """The names of a zip's files. Raises BadArchive for one that must not be unpacked."""
    with _opened(path) as archive:
        _check_amount(archive.infolist(), path.stat().st_size, limits)
        members = _Members(archive)
        if len({name for name, _ in members.all}) < len(members.all):
            raise BadArchive("The zip holds one name twice.")
        for name, member in members.all:
            _check_kind(archive, member, name)
            if any(parent in members.links for parent in _parents(name)):
                raise BadArchive(f"{name!r} lies below a link of the zip.")
        return [*members.files, *members.links]


def is_zip(path: Path, name: str | None = None) -> bool:
    """Whether a file, called `name` if not as it lies here, is one or is meant to be one; it may be damaged."""
    if zipfile.is_zipfile(path) or (name or path.name).lower().endswith(".zip"):
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False


def top_folder(names: list[str], entry: str | None, module: str | None = None) -> str:
    """The single folder that wraps everything, with its slash, where what is run is meant from inside it; else ``."""
    top = {name.partition("/")[0] for name in names}
    wrapped = f"{next(iter(top))}/" if len(top) == 1 else ""
    if entry:
        inside, outside = wrapped + entry in names, entry in names
    else:
        first = module.partition(".")[0] if module else "/"  # no name begins so: nothing is meant, nothing unwrapped
        inside, outside = (
            any(name.startswith((f"{above}{first}/", f"{above}{first}.py")) for name in names)
            for above in (wrapped, "")
        )
    return wrapped if wrapped and inside and not outside else ""


class Zip:
    """A zip that has been checked, open for reading: its files, and its links with what they point to."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        members = _Members(archive)
        self._files = members.files
        self.links = {name: _link_target(archive, one) for name, one in members.links.items()}
        #: A sentence on the encoding of the names, where that had to be guessed.
        self.guess = members.guess

    @property
    def files(self) -> list[str]:
        """The paths of its files, links apart."""
        return list(self._files)

    def executable(self, name: str) -> bool:
        """Whether the file may be run."""
        return bool(_mode(self._files[name]) & stat.S_IXUSR)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of a file; never more than the size that was checked. Raises BadArchive."""
        with _damage(f"{name!r} in the zip is damaged"), self._archive.open(self._files[name]) as file:
            while piece := file.read(_CHUNK_BYTES):
                yield piece


@contextlib.contextmanager
def reading(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Zip]:
    """Open a zip after checking all of it. Raises BadArchive."""
    check(path, limits)
    with _opened(path) as archive:
        yield Zip(archive)


def _opened(path: Path) -> zipfile.ZipFile:
    with _damage("This is not a whole zip"):
        return zipfile.ZipFile(path)


class _Members:
    """What is wanted of a zip, by paths: its files, its links, and all with its folders. Raises BadArchive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.all: list[tuple[str, zipfile.ZipInfo]] = []
        self.files: dict[str, zipfile.ZipInfo] = {}
        self.links: dict[str, zipfile.ZipInfo] = {}
        names, self.guess = names_of(archive.infolist())
        for name, member in zip(names, archive.infolist(), strict=True):
            if (path := path_of(name)) is None:
                continue
            self.all.append((path, member))
            if _is_link(member):
                self.links[path] = member
            elif not name.endswith(("/", "\\")):
                self.files[path] = member


def _check_amount(members: list[zipfile.ZipInfo], packed_bytes: int, limits: Limits) -> None:
    total_bytes = sum(member.file_size for member in members)  # as told; zipfile reads no more of each
    if len(members) > limits.files:
        raise BadArchive(f"The zip holds {len(members)} files; the limit is {limits.files}.")
    if total_bytes > limits.total_bytes:
        raise BadArchive(
            f"The zip unpacks to {format_size(total_bytes)}; the limit is {format_size(limits.total_bytes)}."
        )
    if total_bytes > limits.ratio_from_bytes and total_bytes > packed_bytes * limits.ratio:
        raise BadArchive(f"The zip unpacks to {total_bytes / packed_bytes:.0f} times its size, as a zip bomb does.")


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _mode(member: zipfile.ZipInfo) -> int:
    return member.external_attr >> 16  # where Unix keeps it


def _is_link(member: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(_mode(member))


def _check_kind(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> None:
    kind = stat.S_IFMT(_mode(member))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):  # 0: made where there are no modes
        raise BadArchive(f"{name!r} in the zip is neither a file, a folder nor a link.")
    if member.flag_bits & 1:
        raise BadArchive(f"{name!r} in the zip is encrypted.", "Zip it without a password.")
    if _is_link(member):
        where = _link_target(archive, member)
        if _leads_out(posixpath.dirname(name), where):
            raise BadArchive(f"The link {name!r} in the zip points out of it, to {where!r}.", "Zip what it points to.")


def _leads_out(folder: str, where: str) -> bool:
    """Whether a link in `folder` leaves the archive. `..` may only lead: later it could step out of another link."""
    reached = posixpath.normpath(posixpath.join(folder, where))
    parts = where.split("/")
    leading = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return where.startswith("/") or reached.split("/")[0] == ".." or ".." in parts[leading:] or "\0" in where


def _link_target(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    with _damage(f"{member.filename!r} in the zip is damaged"), archive.open(member) as file:
        return file.read(_LINK_BYTES).decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _damage(what: str) -> Iterator[None]:
    """Say of an archive that cannot be read that it is its own fault, not the disk's. Raises BadArchive."""
    try:
        yield
    except _DAMAGE as error:
        raise BadArchive(f"{what}: {error}.", _AGAIN) from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # bz2 has no number for it; a place before the beginning is EINVAL
            raise
        raise BadArchive(f"{what}: {error}.", _AGAIN) from error

"""The files of a directory that are shipped; contents are not read here.

Workspaces hold no links. A link that stays inside the directory counts as what it points to; one that leads out of it,
nowhere, or into a circle is left out with a sentence.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.errors import FileMissing, SecretsFound, TooLarge
from gpurun_jupyter.core.runs import SIZE_GUARD_BYTES
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.shipping.leaving_out import OWN, Rules, looks_secret
from gpurun_jupyter.shipping.reading import GONE, unreadable

_NAMED = 5  # secrets in a sentence
_BIGGEST = 3
_DEEPEST = 100

WENT_AWAY = "it went away while it was being shipped"


class File(NamedTuple):
    """A file to ship: its place in the directory with slashes, where it lies, and what the system says of it."""

    name: str
    path: str
    found: os.stat_result

    @property
    def size_bytes(self) -> int:
        """Its size when it was looked at."""
        return self.found.st_size

    @property
    def executable(self) -> bool:
        """Whether its owner may run it."""
        return bool(self.found.st_mode & stat.S_IXUSR)


class LeftOut(NamedTuple):
    """What is not shipped and why; `odd` where no rule says so, so that the user is told."""

    name: str
    why: str
    odd: bool = False

    @property
    def note(self) -> str:
        """A sentence about it."""
        return f"left out {shown(self.name)}: {self.why}"


@dataclass
class Shipment:
    """What a directory comes to: its files in order, and what is left out."""

    root: Path
    files: list[File]
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """The files' sizes added up."""
        return sum(file.found.st_size for file in self.files)

    @property
    def notes(self) -> list[str]:
        """A sentence for each thing that could not be shipped."""
        return [one.note for one in self.left_out if one.odd]

    @property
    def amount(self) -> str:
        """`4 files (12 KB)`."""
        return amount(len(self.files), self.size_bytes)


def shown(name: str) -> str:
    """A file's name as it can be printed."""
    return name if name.isprintable() else ascii(name)


def changed_meanwhile(file: File) -> str:
    """A sentence about a file that did not keep still."""
    return f"{shown(file.name)} changes while it is being shipped: what is sent is how it is now"


def amount(files: int, size_bytes: int) -> str:
    """`4 files (12 KB)`."""
    return f"{files:,} file{'' if files == 1 else 's'} ({format_size(size_bytes)})"


def collect(
    directory: Path | str,
    limit_bytes: int | None = SIZE_GUARD_BYTES,
    *,
    only: Collection[str] | None = None,
    gitignore: bool = True,
    ask_git: bool = True,
) -> Shipment:
    """The files of a directory that are shipped; `only` names the entries at its top that are wanted, ignored or not.

    Without `ask_git` the files of rules are read, and git, which a repository may have run other programs, is not.
    What goes away meanwhile is left out. Raises FileMissing, InvalidRequest, SecretsFound, and TooLarge above
    `limit_bytes`.
    """
    root = Path(directory).expanduser().resolve()
    if not root.is_dir():
        raise FileMissing(f"There is no directory {str(directory)!r}.", "Name one that exists.")
    rules = Rules.of(str(root), ask=ask_git) if gitignore and only is None else Rules()
    walk = _Walk(root, only, rules, gitignore)
    shipment = Shipment(root, sorted(walk.files(), key=lambda file: file.name), walk.left_out)
    check_size(str(root), shipment.files, limit_bytes)
    if walk.secrets:
        raise _secrets(root, sorted(walk.secrets))
    return shipment


def single(path: Path, limit_bytes: int | None = SIZE_GUARD_BYTES) -> Shipment:
    """One file alone. Raises FileMissing and TooLarge."""
    if not path.is_file():
        raise FileMissing(f"There is no file {str(path)!r}.", "Name one that exists.")
    files = [File(path.name, str(path), path.stat())]
    check_size(str(path), files, limit_bytes)
    return Shipment(path.resolve().parent, files)


class _Place(NamedTuple):
    """A directory on the way down; `chain` are the real paths of the directories above it and its own."""

    path: str
    name: str
    chain: tuple[str, ...]
    rules: Rules


class _Walk:
    """One walk through a directory: what it leaves out, and the secrets that it met."""

    def __init__(self, root: Path, only: Collection[str] | None, rules: Rules, gitignore: bool) -> None:
        self._root, self._only, self._rules, self._gitignore = str(root), only, rules, gitignore
        self.left_out: list[LeftOut] = []
        self.secrets: list[str] = []

    def files(self) -> Iterator[File]:
        return self._below(_Place(self._root, "", (self._root,), self._rules))

    def _below(self, place: _Place) -> Iterator[File]:
        place = place._replace(rules=place.rules.within(place.path, place.name, gitignore=self._gitignore))
        try:
            entries = list(os.scandir(place.path))  # all at once: what goes wrong does so here
        except OSError as error:
            self._leave_out_if_gone(place.name.rstrip("/"), place.path, error)
            return
        for entry in entries:
            if place.name or self._only is None:
                yield from self._look_at(entry, place)
            elif entry.name in self._only:
                yield from self._take(entry, place)

    def _look_at(self, entry: os.DirEntry[str], place: _Place) -> Iterator[File]:
        name, is_dir = place.name + entry.name, entry.is_dir(follow_symlinks=False)
        # Git lists no FIFOs, sockets and devices: these are told as what they are, and not as ignored.
        known_to_git = is_dir or entry.is_file(follow_symlinks=False) or entry.is_symlink()
        rules = place.rules if known_to_git else place.rules._replace(listing=None)
        if why := rules.why_left_out(name, is_dir):
            self.left_out.append(LeftOut(name, why))
            return iter(())
        return self._take(entry, place)

    def _take(self, entry: os.DirEntry[str], place: _Place) -> Iterator[File]:
        """What one entry of a directory comes to: a file, a directory's files, or nothing."""
        name = place.name + entry.name
        if why := self._odd(entry, place):
            self.left_out.append(LeftOut(name, why, odd=True))
            return
        try:
            found = entry.stat()  # of what a link points to
        except OSError as error:
            self._leave_out_if_gone(name, entry.path, error)
            return
        if stat.S_ISREG(found.st_mode):
            if self._is_secret(entry, name) and not place.rules.allows_secret(name):
                self.secrets.append(name)
            yield File(name, entry.path, found)
        elif len(place.chain) > _DEEPEST:
            self.left_out.append(LeftOut(name, f"it lies more than {_DEEPEST} folders deep", odd=True))
        elif os.path.exists(f"{entry.path}/pyvenv.cfg"):  # noqa: PTH110 - paths are text here: it is quicker
            self.left_out.append(LeftOut(name, "a virtual environment"))
        else:
            yield from self._below(self._inside(entry, name, place))

    def _inside(self, entry: os.DirEntry[str], name: str, place: _Place) -> _Place:
        is_link = entry.is_symlink()
        # `realpath` asks about each folder above: only links need that.
        real = os.path.realpath(entry.path) if is_link else f"{place.chain[-1]}/{entry.name}"
        rules = place.rules.below(entry.path, name, is_link=is_link) if self._gitignore else place.rules
        return _Place(entry.path, f"{name}/", (*place.chain, real), rules)

    def _leave_out_if_gone(self, name: str, path: str, error: OSError) -> None:
        """Raises InvalidRequest where it is there, and cannot be read."""
        if error.errno not in GONE or not name:  # of the directory itself nothing would be left
            raise unreadable(path, error) from error
        self.left_out.append(LeftOut(name, WENT_AWAY, odd=True))

    def _is_secret(self, entry: os.DirEntry[str], name: str) -> bool:
        """By its name, or by that of the file that it is a link to."""
        return looks_secret(name) or (entry.is_symlink() and looks_secret(os.path.realpath(entry.path)))

    def _odd(self, entry: os.DirEntry[str], place: _Place) -> str:
        """Why an entry cannot be shipped; empty where it can."""
        if not entry.name.isprintable() and not _is_text(entry.name):
            return "its name is not valid text"
        if entry.is_symlink() and (why := self._bad_link(entry.path, place)):
            return why
        return "" if entry.is_file() or entry.is_dir() else "it is neither a file nor a directory"

    def _bad_link(self, path: str, place: _Place) -> str:
        try:
            target = os.path.realpath(path, strict=True)
        except OSError:
            return "a link that leads nowhere"
        # The root may be `/`, which has its slash already.
        if target != self._root and not target.startswith(f"{self._root.rstrip('/')}/"):
            return f"a link out of the directory; if the run can see {target}, name that path in the code"
        return "a link to a directory that it lies in" if target in place.chain else ""


def check_size(what: str, files: Iterable[File], limit_bytes: int | None) -> None:
    """Refuse more than may be shipped, and name the biggest folders. Raises TooLarge."""
    files = list(files)
    total_bytes = sum(file.size_bytes for file in files)
    if limit_bytes is None or total_bytes <= limit_bytes:
        return
    folders: Counter[str] = Counter()
    for file in files:
        folder = "/".join(file.name.split("/")[:-1][:2])
        folders[f"{folder}/" if folder else "files beside them"] += file.size_bytes
    biggest = folders.most_common(_BIGGEST)
    named = ", ".join(f"{name} {format_size(size)}" for name, size in biggest)
    line = next((name for name, _ in biggest if name.endswith("/")), "*.bin")
    raise TooLarge(
        f"{what} holds {format_size(total_bytes)} in {len(files)} files; "
        f"at most {format_size(limit_bytes)} are shipped. The biggest: {named}.",
        f"Leave data out with a line such as `{line}` in .gitignore or {OWN}, upload it once with "
        "`gpurun data upload`, or name data that already lies on the machine by its path.",
    )


def _secrets(root: Path, names: list[str]) -> SecretsFound:
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return SecretsFound(
        f"{root} holds what looks like secrets: {shown}.",
        f"Leave them out with a line in .gitignore or {OWN}; "
        f"if the run needs them, allow each with a line in {OWN}: `!{names[0]}`.",
    )


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

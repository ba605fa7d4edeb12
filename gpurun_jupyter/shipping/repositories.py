"""What a git repository says of the files in it: git itself, where it is asked and answers, and its files of rules."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.shipping.ignore_files import IgnoreFile, ignoring, read

GITIGNORE = ".gitignore"

#: A repository's own configuration may name programs to run; these are not run.
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
#: Variables that would have git look at another repository, such as inside a hook.
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")
_LONGEST_S = 30.0  # after that the rules are read, as without git


class Listing:
    """The files that git knows or would take in, and the folders above them, seen from the folder called `base`."""

    def __init__(self, base: str, paths: Iterator[str]) -> None:
        self._base = base
        self._files = {_key(path.rstrip("/")) for path in paths}  # a repository in it has a slash
        self._folders = {str(parent) for path in self._files for parent in PurePosixPath(path).parents}

    def has(self, path: str, is_dir: bool) -> bool:
        """Whether git has the file, or anything in the folder; a repository in it is like a file to git."""
        key = _key(path[len(self._base) :])
        return key in self._files or (is_dir and key in self._folders)


def is_repository(folder: str) -> bool:
    """Whether a folder is the top of a repository or of a worktree of one."""
    return os.path.isfile(f"{folder}/.git") or os.path.isfile(f"{folder}/.git/HEAD")  # noqa: PTH113 - quicker


def top_of(folder: Path) -> Path | None:
    """The top of the repository that a folder is in."""
    return next((one for one in (folder, *folder.parents) if is_repository(str(one))), None)


class Above(NamedTuple):
    """The path of a folder in its repository, with a slash, and the rules above it, the weakest first."""

    path: str
    rules: tuple[IgnoreFile, ...]


def above(folder: Path) -> Above | None:
    """What a folder's repository says above it; None where there is no repository.

    Nor is there one for a folder that it ignores, such as any below a home directory that is a repository of settings:
    who names that folder means what is in it. A file that cannot be read says nothing, as to git.
    """
    top = top_of(folder)
    if top is None:
        return None
    path, rules = "", _if_readable(lambda: excluded(str(top), ""))
    parts = folder.relative_to(top).parts
    for number, part in enumerate(parts):
        name = "../" * (len(parts) - number) + GITIGNORE
        rules += _if_readable(partial(gitignore, str(top / path), name, path))
        path += f"{part}/"
        if ignoring(rules, path.rstrip("/"), is_dir=True):
            return None
    return Above(path, rules)


def _if_readable(reading: Callable[[], tuple[IgnoreFile, ...]]) -> tuple[IgnoreFile, ...]:
    try:
        return reading()
    except InvalidRequest:
        return ()


def gitignore(folder: str, name: str, base: str) -> tuple[IgnoreFile, ...]:
    """The rules of a folder; git follows no link to them. Raises InvalidRequest."""
    place = Path(folder, GITIGNORE)
    return () if place.is_symlink() else read(place, name, base)


def excluded(top: str, base: str) -> tuple[IgnoreFile, ...]:
    """The rules of a repository that are in no commit; its worktrees share them. Raises InvalidRequest."""
    git = Path(top, ".git")
    if git.is_file():
        # A worktree, whose file names its own folder there, or a submodule, which has no `commondir`.
        git = Path(top, _line(git).removeprefix("gitdir: "))
        git /= _line(git / "commondir")
    return read(git / "info" / "exclude", f"{base}.git/info/exclude", base)


def _line(place: Path) -> str:
    try:
        return place.read_text("utf-8", "surrogateescape").rstrip("\n")
    except OSError:
        return ""


def listing(folder: str, base: str) -> Listing | None:
    """Ask git which files of a folder, called `base`, are its own or would be; None where it does not answer."""
    # -z: git would put names with other letters in quotes.
    command = [*GIT, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        found = subprocess.run(
            command,
            cwd=folder,
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # no git, or one that refuses: safe.directory
        return None
    return Listing(base, map(os.fsdecode, filter(None, found.stdout.split(b"\0"))))


def git_environment() -> dict[str, str]:
    """The environment in which git looks at the repository of its working directory."""
    return {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}


def _key(path: str) -> str:
    """What tells files apart: on macOS neither case nor composition does, and git's names may differ in both."""
    return unicodedata.normalize("NFC", path).casefold() if sys.platform == "darwin" else path

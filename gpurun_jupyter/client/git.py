"""The commit that a shipped directory is at, asked of git while the directory's files are read."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import msgspec

from gpurun_jupyter.core.origins import Origin
from gpurun_jupyter.shipping.repositories import GIT, git_environment

_LONGEST_S = 2.0
# `status` would write down what it has found out, and be in the way of who commits just then.
_COMMAND = [*GIT, "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--", "."]


class Question:
    """Begins to ask git about a directory at once; `origin` tells what it found."""

    def __init__(self, directory: Path) -> None:
        self._place = directory.resolve()
        self._process: subprocess.Popen[str] | None = None
        self._printed: str | None = None
        if any((folder / ".git").exists() for folder in (self._place, *self._place.parents)):
            with contextlib.suppress(OSError):  # git is not installed
                self._process = subprocess.Popen(
                    _COMMAND,
                    cwd=self._place,
                    env=git_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    errors="replace",
                )

    def origin(self, known: Origin | None) -> Origin:
        """The directory and its commit, beside what is known already. Waits for git, but not for long."""
        lines = self._answer().splitlines()
        # Before the first commit git itself says `(initial)`.
        commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "(initial)")
        known = msgspec.structs.replace(known or Origin(), directory=self._place.name)
        if commit == "(initial)":
            return known
        return msgspec.structs.replace(known, commit=commit, dirty=any(not line.startswith("#") for line in lines))

    def _answer(self) -> str:
        if self._printed is None:  # a shipment that had to be sent asks twice
            self._printed = ""
            if self._process is not None:
                try:
                    self._printed, _ = self._process.communicate(timeout=_LONGEST_S)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.communicate()  # or it stays a zombie
        return self._printed

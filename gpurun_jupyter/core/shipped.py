"""A directory that was shipped, and what of it is run."""

from __future__ import annotations

import posixpath
import re

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.manifests import Digest

_MODULE = re.compile(r"\w[\w-]*(?:\.\w[\w-]*)*")


class ShippedDir(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A directory that was shipped: its manifest's sha256, the file or the Python module to run, its arguments."""

    manifest: Digest
    entry: str | None = None
    args: list[str] = []
    module: str | None = None

    def __post_init__(self) -> None:
        """Call the same file by the same name: `train.py`, also where `./train.py` or `x/../train.py` was said."""
        if self.entry is not None:
            self.entry = posixpath.normpath(self.entry)

    @property
    def what(self) -> list[str]:
        """What it runs, as it stands in a command line before its arguments; empty for a cell or a notebook."""
        return ["-m", self.module] if self.module is not None else [] if self.entry is None else [self.entry]

    def check(self) -> None:
        """Raises InvalidRequest for an entry point outside of it, and for what is no module."""
        if self.entry is not None and (self.entry.startswith(("/", "../")) or self.entry in (".", "..")):
            raise InvalidRequest(f"The entry point {self.entry!r} is outside the directory.", "Name a file inside it.")
        if self.module is not None and not _MODULE.fullmatch(self.module):
            raise InvalidRequest(f"{self.module!r} cannot be the name of a module.", "Write package.module.")
        if any("\0" in text for text in (self.entry or "", *self.args)):
            raise InvalidRequest("An entry point or an argument holds a NUL character.", "Remove it.")

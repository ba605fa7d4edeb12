"""A shipment whose files change and go away while it is sent: those that change are copied, and sent from there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.shipping.collect import WENT_AWAY, File, LeftOut, Shipment, changed_meanwhile
from gpurun_jupyter.shipping.hashes import Hashed, hashed, stamp_of
from gpurun_jupyter.shipping.leaving_out import OWN
from gpurun_jupyter.shipping.reading import WentAway, pieces


class Changed(Exception):
    """Raised where a file does not have the bytes any more that were hashed."""

    def __init__(self, file: File) -> None:
        super().__init__(file.path)
        self.file = file


class Content(NamedTuple):
    """A file, where its bytes are to be had, and what these are."""

    file: File
    at: str
    content: Hashed


class Snapshot:
    """The files of a shipment, which may move. `tell` hears of what went away and of what was copied."""

    def __init__(self, shipment: Shipment, tell: Callable[[str], None] | None) -> None:
        self._shipment = shipment
        self._tell = tell
        self._copies: dict[str, Content] = {}
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()

    def contents(self) -> list[Content]:
        """The content of each file that is there. Raises InvalidRequest for one that cannot be read."""
        free = [file for file in self._shipment.files if file.name not in self._copies]
        found = list(zip(free, hashed(Shipment(self._shipment.root, free)), strict=True))
        self._forget(file for file, content in found if content is None)
        there = [Content(file, file.path, content) for file, content in found if content is not None]
        return [*there, *self._copies.values()]  # copies keep still

    def hold(self, changed: File) -> None:
        """Copy a file that has changed, and those that have since they were looked at. Raises InvalidRequest."""
        free = [file for file in self._shipment.files if file.name not in self._copies]
        # All that have moved by now, or each would cost a round of its own.
        for file in [one for one in free if one.name == changed.name or _stamp(one.path) != stamp_of(one.found)]:
            self._copy(file)

    def _copy(self, file: File) -> None:
        place = self._folder / str(len(self._copies))
        sum_, size_bytes = hashlib.sha256(), 0
        try:
            with place.open("wb") as copy:
                for piece in pieces(file.path):
                    sum_.update(piece)
                    size_bytes += copy.write(piece)
        except WentAway:
            self._forget([file])
        except OSError as error:
            raise InvalidRequest(
                f"{file.path} changes while it is shipped, and cannot be copied to {place.parent} ({error.strerror}).",
                f"Make room there, or leave it out with a line in {OWN}.",
            ) from error
        else:
            self._copies[file.name] = Content(file, str(place), Hashed(sum_.hexdigest(), size_bytes))
            if self._tell:
                self._tell(changed_meanwhile(file))

    @cached_property
    def _folder(self) -> Path:  # most shipments need none
        return Path(self._opened.enter_context(tempfile.TemporaryDirectory(prefix="gpurun-")))

    def _forget(self, files: Iterable[File]) -> None:
        gone = {file.name for file in files}
        for name in sorted(gone) if self._tell else ():
            self._tell(LeftOut(name, WENT_AWAY).note)  # type: ignore[misc]
        if gone:
            self._shipment = replace(
                self._shipment, files=[file for file in self._shipment.files if file.name not in gone]
            )


def _stamp(path: str) -> tuple[int, ...] | None:
    """What changes with a file; None for one that is there no more."""
    try:
        found = os.stat(path)  # noqa: PTH116 - paths are text here
    except OSError:
        return None
    return stamp_of(found)

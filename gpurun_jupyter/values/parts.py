"""The file of one value: plain JSON, or, where it holds more than JSON can, a zip of `value.json` and its parts.

The zip is not compressed (arrays do not get smaller) and dated 1980, so that equal values are equal files.
"""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import contextmanager
from typing import IO, Any, Iterator, Tuple

from gpurun_jupyter.values.refusals import Budget, Refused

TREE = "value.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ZIP = b"PK"  # no JSON begins so
_PIECE_BYTES = 2**20


class PartsWriter:
    """Writes the file of the variable `name`; the zip is begun with the first part."""

    def __init__(self, file: IO[bytes], name: str, budget: Budget) -> None:
        self._file = file
        self._name = name
        self._budget = budget
        self._zip: zipfile.ZipFile | None = None
        self._count = 0

    def expect(self, size_bytes: int) -> None:
        """Look ahead: so much comes. Raises Refused where it would be too much."""
        self._budget.expect(self._name, size_bytes)

    @contextmanager
    def add(self, suffix: str) -> Iterator[tuple[str, IO[bytes]]]:
        """The next part: its name, and a stream to write it to. Raises Refused where it gets too much."""
        if self._zip is None:
            self._zip = zipfile.ZipFile(self._file, "w")
        part = f"{self._count}{suffix}"
        self._count += 1
        # How much comes is not known here, and the header has to have room for it.
        with self._zip.open(zipfile.ZipInfo(part, _EPOCH), "w", force_zip64=True) as stream:
            counted: Any = _Counted(stream, self._name, self._budget)
            yield part, counted

    def finish(self, tree: Any) -> None:
        """Write the tree, and with it the end of the file. Raises Refused where it gets too much."""
        text = json.dumps(tree, separators=(",", ":"), allow_nan=False).encode("ascii")
        self._budget.spend(self._name, len(text))
        if self._zip is None:
            self._file.write(text)
        else:
            self._zip.writestr(zipfile.ZipInfo(TREE, _EPOCH), text)
        self.close()

    def close(self) -> None:
        """End the zip, if there is one, while its file is still open."""
        if self._zip is not None:
            self._zip.close()


class _Counted(io.RawIOBase):
    """A stream that counts."""

    def __init__(self, stream: IO[bytes], name: str, budget: Budget) -> None:
        self._stream = stream
        self._name = name
        self._budget = budget

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        # The length of a view is that of its items, which may be of several bytes.
        piece = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        self._budget.spend(self._name, len(piece))
        self._stream.write(piece)
        return len(piece)


class PartsReader:
    """Reads such a file."""

    def __init__(self, file: IO[bytes]) -> None:
        """Raises Refused for a file that is neither JSON nor such a zip."""
        is_zip = file.read(len(_ZIP)) == _ZIP
        file.seek(0)
        self._zip: zipfile.ZipFile | None = None
        try:
            if is_zip:
                self._zip = zipfile.ZipFile(file)
            self.tree: Any = json.loads(self.read(TREE) if is_zip else file.read())
        except (zipfile.BadZipFile, ValueError, RecursionError) as error:
            raise Refused(f"The file is not a value of gpurun: {error}.") from error

    @contextmanager
    def open(self, part: str) -> Iterator[Tuple[IO[bytes], int]]:
        """A part as a stream, and its size in bytes. Raises Refused where there is no such part, or it is damaged."""
        if self._zip is None:
            raise Refused("The file names a part, and is no zip.")
        try:
            entry = self._zip.getinfo(part)
            # Packed, a few bytes could become gigabytes.
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise Refused(f"The part {part} is compressed: it was not written by gpurun.")
            with self._zip.open(entry) as stream:
                yield stream, entry.file_size
        except (KeyError, zipfile.BadZipFile, EOFError) as error:
            raise Refused(f"The part {part} is missing or damaged: {error}.") from error

    def read(self, part: str) -> bytearray:
        """The bytes of a part, which may be changed. Raises Refused where there is no such part, or it is damaged."""
        with self.open(part) as (stream, size_bytes):
            data = bytearray()
            # In pieces: the size stands in the file, and a damaged one must not take all memory.
            while piece := stream.read(min(_PIECE_BYTES, size_bytes - len(data))):
                data += piece
            if len(data) != size_bytes:
                raise Refused(f"The part {part} is cut off.")
            return data

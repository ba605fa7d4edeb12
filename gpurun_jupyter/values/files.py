"""One variable, one file: written under a budget, read after its sha256 has been looked at."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any, NamedTuple, Optional

from gpurun_jupyter.values.parts import PartsReader, PartsWriter
from gpurun_jupyter.values.refusals import Budget, Refused, type_name
from gpurun_jupyter.values.tree import Packing, Unpacking

_PIECE_BYTES = 2**20


class Written(NamedTuple):
    """A file that was written: its sha256, its size in bytes, the type of what is in it."""

    digest: str
    size_bytes: int
    type: str


def write(path: Path, name: str, value: Any, budget: Budget, *, pickle: bool = False) -> Written:
    """Write the variable `name` to a new file. Raises Refused, which leaves no file, and OSError."""
    path.touch(mode=0o600, exist_ok=False)  # `open` makes files that others may read
    with path.open("r+b") as file:
        parts = PartsWriter(file, name, budget)
        try:
            parts.finish(Packing(name, parts, pickle).encode(value))
        except BaseException as error:  # an interrupt too: half a file is left to nobody
            parts.close()
            path.unlink()
            _explain(error, name, value, pickle)
            raise
    # Read once more: a zip goes back to write sizes, so its bytes cannot be hashed as they come.
    return Written(digest_of(path), path.stat().st_size, type_name(value))


def read(path: Path, name: str, *, pickle: bool = False, digest: Optional[str] = None) -> Any:
    """The value in a file; `pickle`: read pickles too. Raises Refused, also where the file has another sha256."""
    if digest is not None and digest_of(path) != digest:
        raise Refused(f"The file of the variable {name!r} is not what was written: its sha256 is another.")
    with path.open("rb") as file:
        try:
            parts = PartsReader(file)
            return Unpacking(name, parts, pickle).decode(parts.tree)
        except (zipfile.BadZipFile, RecursionError) as error:
            raise Refused(f"The variable {name!r} cannot be read: {error}.") from error


def _explain(error: BaseException, name: str, value: Any, pickle: bool) -> None:
    """Raise Refused where what went wrong has a sentence of its own."""
    if isinstance(error, RecursionError):
        raise Refused(f"The variable {name!r} is nested too deeply.", "Make it flatter.") from error
    if isinstance(error, ImportError):
        needed = f"The variable {name!r} is a {type_name(value)}, which needs {error.name} to travel."
        raise Refused(needed, f"Install {error.name}{'' if pickle else ', or add --pickle'}.") from error


def digest_of(path: Path) -> str:
    """The sha256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            found.update(piece)
    return found.hexdigest()

"""Models: `save_model("model.pt", name="digits", acc=0.9)` registers what was trained as the next version of a model.

The bytes are stored by content, as the server stores them: each file under its sha256, and a manifest that names them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import sys
from pathlib import Path
from typing import Any, Iterable, Tuple

from gpurun_jupyter.report import pipe
from gpurun_jupyter.report.checks import clean_name, in_json, named_path, number
from gpurun_jupyter.report.file_names import as_text
from gpurun_jupyter.report.printing import say

BLOBS = "GPURUN_BLOBS"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PIECE_BYTES = 2**20
#: The whole event has to fit into one line of the FIFO.
_MAX_BYTES = {"type": 200, "framework": 200, "description": 1200, "values": 1200}

#: Path, sha256, size in bytes, and whether it is executable: an entry of a manifest.
_Entry = Tuple[str, str, int, bool]


def save_model(
    path: Any,
    name: str | None = None,
    *,
    alias: str | None = None,
    type: str = "",  # noqa: A002 - the word of the registry
    framework: str = "",
    description: str = "",
    **values: Any,
) -> None:
    """Register a file or folder as the next version of the model `name`, by default called as the file is.

    `values` are its metrics. Of a folder plain files count, and links to such. Outside a run nothing is kept. Raises
    OSError where `path` is no file or folder or there is no room for it, ValueError for a name that cannot be,
    TypeError for a value that is no number.
    """
    source = named_path(path, "save_model")
    name = source.resolve().stem if name is None else name
    for text, what in ((name, "the name of a model"), (alias, "an alias")):
        if text is not None and not _NAME.fullmatch(text):
            raise ValueError(f"report.save_model: {text!r} cannot be {what}: use letters, digits, '.', '_' and '-'.")
    numbers = {clean_name(key): number(value, key) for key, value in values.items()}
    folder = os.environ.get(BLOBS)
    if not (pipe.inside_run() and folder):
        say(
            f"model {name} {as_text(source)}" + "".join(f" {key}={value:.6g}" for key, value in numbers.items()),
            sys.stdout,
        )
        return
    said = {"type": type, "framework": framework, "description": description}
    said = {key: _cut(text, _MAX_BYTES[key]) for key, text in said.items()}
    kept = kept_files(Path(folder), source)
    pipe.send({"kind": "model", "name": name, "alias": alias, **said, **kept, "values": _fitting(numbers)})


def kept_files(blobs: Path, source: Path) -> dict[str, Any]:
    """Keep a file or a folder, and its manifest; what the event says of them. Raises OSError."""
    entries = sorted(_entry(blobs, place, name) for name, place in _files(source))
    if not entries:
        raise FileNotFoundError(f"report.save_model: the folder {str(source)!r} holds no files")
    text = json.dumps({"files": entries, "v": 1}, separators=(",", ":"), ensure_ascii=False)
    manifest = _keep(blobs, [text.encode("utf-8")])[0]
    return {"manifest": manifest, "files": len(entries), "size": sum(entry[2] for entry in entries)}


def _files(source: Path) -> list[tuple[str, Path]]:
    """Each with its path in the model, as a text."""
    if source.is_file():
        return [(as_text(source.resolve().name), source)]
    return [(as_text(place.relative_to(source)), place) for place in source.rglob("*") if place.is_file()]


def _entry(blobs: Path, place: Path, name: str) -> _Entry:
    with place.open("rb") as file:
        digest, size = _keep(blobs, iter(lambda: file.read(_PIECE_BYTES), b""))
    return name, digest, size, os.access(str(place), os.X_OK)


def _keep(blobs: Path, pieces: Iterable[bytes]) -> tuple[str, int]:
    """Write a blob beside, then give it its name; a name never stands for a part. Returns its sha256 and size."""
    beside, digest, size = blobs / f".upload-{secrets.token_hex(8)}", hashlib.sha256(), 0
    try:
        with beside.open("xb") as file:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o400)  # blobs are shared: nobody may change one
        place = blobs / digest.hexdigest()[:2] / digest.hexdigest()
        place.parent.mkdir(mode=0o700, exist_ok=True)
        beside.replace(place)  # what is there has the same bytes, or is damaged
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    return digest.hexdigest(), size


def _cut(text: Any, most_bytes: int) -> str:
    """The text, or as much of its beginning as has room."""
    cut = str(text).replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    # A letter may be one byte there, or twelve.
    while len(json.dumps(cut)) > most_bytes:
        cut = cut[: len(cut) * 3 // 4]
    return cut


def _fitting(numbers: dict[str, float]) -> dict[str, Any]:
    """The metrics that have room, the first ones first."""
    kept: dict[str, Any] = {}
    for key, value in numbers.items():
        longer = {**kept, key: in_json(value)}
        if len(pipe.encode(longer)) <= _MAX_BYTES["values"]:
            kept = longer
    return kept

"""Files as answers, whole or in part (RFC 9110, section 14): a download that broke off goes on where it was."""

from __future__ import annotations

import os
import re
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from gpurun_jupyter.core.errors import FileMissing
from gpurun_jupyter.core.system.records import open_plain
from gpurun_jupyter.report.file_names import as_text
from gpurun_server.http.base import GpurunHandler

_PIECE_BYTES = 2**20
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")  # of more digits there is no offset, and `seek` would fail


async def send_file(handler: GpurunHandler, place: Path) -> None:
    """Answer with a file, or the part of it that Range asks for; several ranges at once count as none.

    Raises FileMissing for what is no plain file by now, or may not be read.
    """
    with _opened(place) as file:
        status = os.fstat(file.fileno())  # of what is open: the path may lead to another file by now
        size, etag = status.st_size, f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        handler.set_header("Content-Type", "application/octet-stream")
        handler.set_header("X-Content-Type-Options", "nosniff")  # no browser takes it for a page of this server
        handler.set_header("Accept-Ranges", "bytes")
        handler.set_header("ETag", etag)
        unchanged = handler.request.headers.get("If-Range", etag) == etag
        part = part_of(handler.request.headers.get("Range", ""), size) if unchanged else None
        if part is not None and not part:
            handler.set_status(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            handler.set_header("Content-Range", f"bytes */{size}")
            handler.finish()
            return
        if part is not None:
            handler.set_status(HTTPStatus.PARTIAL_CONTENT)
            handler.set_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
            file.seek(part.start)
        await _send(handler, file, size if part is None else len(part))


def part_of(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for: none of them where there are no such, None where all are wanted."""
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None  # no range at all
    return range(min(int(first), size), min(int(last or size) + 1, size))


def _opened(place: Path) -> BinaryIO:
    try:
        return open_plain(place)
    except FileNotFoundError as error:
        raise FileMissing(
            f"{as_text(place.name)!r} cannot be read by the server.", "The run may have replaced it."
        ) from error


async def _send(handler: GpurunHandler, file: BinaryIO, left: int) -> None:
    """As many bytes as were promised: the file may grow meanwhile."""
    handler.set_header("Content-Length", str(left))
    # should it shrink, the answer stays short of its length: Tornado cuts it off, and the client notices
    while left and (data := await handler.in_thread(partial(file.read, min(left, _PIECE_BYTES)))):
        left -= len(data)
        handler.write(data)
        await handler.flush()  # who reads slowly is waited for, and memory holds one piece

"""The frames of the live connection, as JSON bytes; docs/http.md lists them."""

from __future__ import annotations

from typing import Any

import msgspec

from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.events import Cursor
from gpurun_jupyter.core.runs import Run
from gpurun_server.store.folders.logs import Before


def frame(kind: str, **fields: Any) -> bytes:
    """A frame of this type."""
    return msgspec.json.encode({"type": kind, **fields})  # the type is first: http/sse.py looks for it there


def events_frame(run_id: str, cursor: Cursor, lines: list[bytes]) -> bytes:
    """Lines of a log as a frame; they are JSON already and are passed on as they are."""
    return b'{"type":"events","run":"%s","cursor":"%s","events":[%s]}' % (
        run_id.encode(),
        str(cursor).encode(),
        b",".join(lines),
    )


def before_frame(run_id: str, cursor: Cursor, found: Before | None) -> bytes:
    """Where in its log a run is shown from, and what stands before, as a frame; without that while it is counted."""
    told = {} if found is None else msgspec.to_builtins(found)
    return frame("before", run=run_id, cursor=str(cursor), **told)


def run_frame(run: Run) -> bytes:
    """A run as a frame."""
    return frame("run", run=run)


def error_frame(error: Exception, run: str | None) -> bytes:
    """A refusal as a frame, or that what is watched cannot be shown."""
    if isinstance(error, GpurunError):
        body = {"code": error.code, "message": error.message, "hint": error.hint}
    else:
        hint = "The server's log has more; the run itself is not touched by it."
        body = {"code": "internal_error", "message": f"It cannot be shown: {error}.", "hint": hint}
    return frame("error", run=run, error=body)

"""Output messages of a kernel as events: what is kept of a mime bundle, and what is said of input()."""

from __future__ import annotations

from typing import Any

import msgspec

from gpurun_jupyter.agent.kernels.widget_bars import WIDGET_MIME
from gpurun_jupyter.core import events
from gpurun_jupyter.core.units import format_size

#: A log is read whole by everybody who looks at it: longer representations of an object are left out of it.
MAX_MIME_BYTES = 8 * 2**20

_SHOWN_CHARS = 64 * 1024
_ALLOWED = f"a log takes {format_size(MAX_MIME_BYTES)} of each; save it to a file"
_PLAIN = "text/plain"
_STDIN = "StdinNotImplementedError"
_NOBODY = "a run has nobody to ask. Give the cell what it needs by --in, --env or a file."


def event_of(kind: str, content: dict[str, Any]) -> events.Event | None:
    """The event that an output message of the Jupyter protocol stands for; None for the others."""
    if kind in ("display_data", "update_display_data"):
        return events.Display(
            data=kept(content["data"]),
            metadata=content["metadata"],
            display_id=content.get("transient", {}).get("display_id"),
            update=kind == "update_display_data",
        )
    if kind == "execute_result":
        return events.Result(data=kept(content["data"]), metadata=content["metadata"])
    if kind == "error":
        return _error(content["ename"], content["evalue"], content["traceback"])
    if kind == "clear_output":
        return events.Clear(wait=content["wait"])
    return None


def kept(data: dict[str, Any]) -> dict[str, Any]:
    """The mime bundle without the view of a widget, which lives in the run's kernel, and without what is too long."""
    data = {mime: value for mime, value in data.items() if mime != WIDGET_MIME or len(data) == 1}
    sizes = {mime: _size_bytes(value) for mime, value in data.items()}
    long = [mime for mime, size_bytes in sizes.items() if size_bytes > MAX_MIME_BYTES]
    if not long:
        return data
    notes = [f"[{mime} of {format_size(sizes[mime])} left out: {_ALLOWED}]" for mime in long if mime != _PLAIN]
    plain = data.get(_PLAIN, "")
    if _PLAIN in long:
        plain = f"{plain[:_SHOWN_CHARS]}\n[cut off here, {format_size(sizes[_PLAIN])} long: {_ALLOWED}]"
    rest = {mime: value for mime, value in data.items() if mime not in long}
    return {**rest, _PLAIN: "\n".join(filter(None, [plain, *notes]))}


def _size_bytes(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(msgspec.json.encode(value))


def _error(name: str, value: str, traceback: list[str]) -> events.Error:
    """The exception; what ipykernel says of input() tells nobody what to do."""
    if name == _STDIN:
        traceback = [*traceback[:-1], *(line.replace(value, _NOBODY) for line in traceback[-1:])]
        value = _NOBODY
    return events.Error(name=name or "Error", value=value, traceback=traceback)

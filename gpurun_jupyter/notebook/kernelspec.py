"""The kernelspec of the notebook's own kernel, so that a run has the same environment where the agent has it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpurun_jupyter.core.errors import GpurunError

if TYPE_CHECKING:
    from gpurun_jupyter.client import Client

_CACHE = "_gpurun_kernelspec"


def of_this_notebook(shell: Any, client: Client) -> str | None:
    """The kernelspec's name, or None where this kernel is not one of the server's. Asked once a shell and server."""
    kernel_id = _kernel_id(shell)
    if kernel_id is None:
        return None
    known: dict[str, str | None] = shell.__dict__.setdefault(_CACHE, {})
    if client.url not in known:
        with contextlib.suppress(GpurunError):  # no answer: it is asked again before the next cell
            known[client.url] = client.kernel_name(kernel_id)
    return known.get(client.url)


def _kernel_id(shell: Any) -> str | None:
    """Jupyter Server names a kernel's connection file kernel-<id>.json."""
    if getattr(shell, "kernel", None) is None:
        return None
    named = shell.kernel.config.get("IPKernelApp", {}).get("connection_file", "")
    stem = Path(str(named)).stem
    return stem.removeprefix("kernel-") if stem.startswith("kernel-") else None

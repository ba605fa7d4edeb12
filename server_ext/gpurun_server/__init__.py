"""The Jupyter server extension: queues runs, keeps what is known of them, streams what they print."""

from __future__ import annotations

from importlib import metadata
from typing import Any

__version__ = metadata.version("gpurun-jupyter")


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from gpurun_server.app import GpurunApp

    return [{"module": "gpurun_server", "app": GpurunApp}]

"""Talk to a Jupyter server with gpurun: submit runs, look at them, wait for them, end them."""

from __future__ import annotations

from gpurun_jupyter.client.client import Client
from gpurun_jupyter.client.runs import Run

__all__ = ["Client", "Run"]

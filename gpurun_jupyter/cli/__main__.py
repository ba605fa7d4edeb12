"""`python -m gpurun_jupyter.cli`."""

from __future__ import annotations

from gpurun_jupyter.cli import main

main()

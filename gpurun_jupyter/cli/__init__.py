"""`gpurun`, also reachable as `jupyter gpurun` and, verb by verb, as `%gpurun` in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Carry out a command line and exit: 0 good, 1 a run did not succeed, 2 wrong usage, 3 no server, 4 output lost."""
    from gpurun_jupyter.cli import streams

    streams.prepare()  # before any import opens what would get the number of a closed stream
    from gpurun_jupyter.cli.faults import carried_out

    sys.exit(carried_out(list(sys.argv[1:] if args is None else args)))

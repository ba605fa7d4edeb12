"""What a runner carries out: a kernel that runs a cell, or a process that runs an entry point."""

from __future__ import annotations

from typing import Protocol

from gpurun_jupyter.core.events import End


class Execution(Protocol):
    """One cell in a kernel, or one process. `run` is called once."""

    @property
    def own(self) -> set[int]:
        """The processes that it has started itself, and waits for: not any other child of this process."""

    async def run(self) -> End:
        """Start it, pass on its output, and return how it ended by itself. Raises GpurunError if it cannot start."""

    async def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C would. Asked before there is anything to interrupt, it sees to it that it ends.

        May take as long as that takes, and may be cancelled.
        """

    def kill(self) -> None:
        """End at once what does not carry the attempt's mark."""

"""A runner's process: it takes the attempt in a folder and carries it out, and where that begins a session, goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gpurun_jupyter.agent.runner.attempt import FAILED, NOT_MINE, Taken, carry_out, take
from gpurun_jupyter.agent.runner.faults import word_left
from gpurun_jupyter.core.home import AttemptFolder

if TYPE_CHECKING:  # at run time it would bring ZMQ, which a process needs not
    from gpurun_jupyter.agent.kernels.kernel import Kernel


def main(path: str, kernel: Kernel | None = None) -> int:
    """Carry out the attempt in this folder, in this kernel if one is there; returns the exit code of the process."""
    folder = AttemptFolder(path)
    with word_left(folder):
        taken = take(folder)
        if taken is None:
            return NOT_MINE
        asyncio.run(carry_on(taken, kernel))
        return 0
    return FAILED


async def carry_on(taken: Taken, kernel: Kernel | None = None) -> None:
    """Carry out an attempt, and where it is the first of a session, those that follow."""
    if taken.grant.session is None:
        return await carry_out(taken, kernel)
    from gpurun_jupyter.agent.runner.session import hold  # it brings ZMQ

    return await hold(taken, kernel)

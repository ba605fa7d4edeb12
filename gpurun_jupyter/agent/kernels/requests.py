"""One piece of code on its way through a kernel: sent, begun, done, or cut off because the kernel died."""

from __future__ import annotations

import asyncio
from typing import Any

from gpurun_jupyter.agent.kernels.kernel import Kernel, Place

#: A dead kernel's last messages still arrive.
LAST_MESSAGES_S = 0.5

#: A kernel that says it is busy, and then not that it runs the code, is taken to run it after so long, seconds.
BEGINS_S = 0.2


class Request:
    """A request to execute code. `silent`: of our own, not of the user; it leaves no trace in the kernel's history."""

    def __init__(self, kernel: Kernel, code: str, *, silent: bool = False, place: Place | None = None) -> None:
        self.silent = silent
        self.begun = asyncio.Event()
        self.exit_code: int | None = None
        self._kernel = kernel
        self._idle = asyncio.Event()
        self.id = kernel.execute(code, silent=silent, place=place)

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """A message that this request caused."""
        if kind == "execute_input":
            self.begun.set()
        elif kind == "status" and content["execution_state"] == "busy":
            asyncio.get_running_loop().call_later(BEGINS_S, self.begun.set)
        elif kind == "status" and content["execution_state"] == "idle":
            self.begun.set()
            self._idle.set()

    async def done(self) -> bool:
        """Wait until the kernel has done it; False where it died, and `exit_code` is its exit code."""
        idle, died = asyncio.create_task(self._idle.wait()), asyncio.create_task(self._kernel.dead())
        await asyncio.wait({idle, died}, return_when=asyncio.FIRST_COMPLETED)
        if not idle.done():
            await asyncio.wait({idle}, timeout=LAST_MESSAGES_S)
        done = idle.done()  # it may have died after it was done
        if not done:
            self.begun.set()  # an interrupt may be waiting for it
            self.exit_code = died.result()
        idle.cancel()
        died.cancel()
        return done

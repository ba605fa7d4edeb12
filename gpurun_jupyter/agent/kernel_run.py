"""A cell run: the code in a Jupyter kernel, its messages turned into events."""

from __future__ import annotations

import asyncio
from typing import Any

from gpurun_jupyter.agent.environment import run_environment
from gpurun_jupyter.agent.kernels import Kernel, SpecKernel, nobody
from gpurun_jupyter.agent.output import OutputSink
from gpurun_jupyter.core import events
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Outcome, Reason

#: A dead kernel's last messages still arrive.
LAST_MESSAGES_S = 0.5

#: A kernel that says it is busy, and then not that it runs the code, is taken to run it after so long, seconds.
BEGINS_S = 0.2

DEFAULT_KERNEL = "python3"


class KernelRun:
    """Runs `spec.code` in the workspace, in a fresh kernel or in one that is there; that of a session goes on."""

    def __init__(self, folder: AttemptFolder, grant: Grant, sink: OutputSink, kernel: Kernel | None = None) -> None:
        self._folder = folder
        self._grant = grant
        self._sink = sink
        self._kernel = kernel or SpecKernel(grant.spec.kernel or DEFAULT_KERNEL)
        self._request = ""
        self._unwanted = asyncio.Event()
        self._begun = asyncio.Event()
        self._idle = asyncio.Event()
        self._end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)

    async def run(self) -> End:
        """Have a kernel, run the code, and end the kernel unless it is a session's.

        Raises GpurunError if it does not start.
        """
        try:
            await self._start()
            if not self._unwanted.is_set():
                await self._execute()
        finally:
            self._kernel.listener = nobody
            if self._grant.session is None:
                await self._kernel.end()
        return self._end

    async def interrupt(self) -> None:
        """Interrupt the code, as a notebook's stop button does; where it has not been sent yet, it never is.

        A kernel that has not begun to run the code would take no notice: until then the interrupt is held back.
        """
        self._unwanted.set()
        if self._request:
            await self._begun.wait()
            await self._kernel.interrupt()

    def kill(self) -> None:
        """Kill the kernel: that of a session may carry the mark of an attempt before."""
        self._kernel.kill()

    async def _start(self) -> None:
        """Have the kernel ready. One that nobody wants any more is not waited for, but for that of a session."""
        starting = asyncio.create_task(
            self._kernel.start(run_environment(self._folder, self._grant), str(self._folder.work))
        )
        if self._grant.session is None:
            unwanted = asyncio.create_task(self._unwanted.wait())
            await asyncio.wait({starting, unwanted}, return_when=asyncio.FIRST_COMPLETED)
            unwanted.cancel()
        if self._grant.session is None and not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            self._kernel.kill()
        else:
            await starting

    async def _execute(self) -> None:
        self._kernel.listener = self._listen
        self._request = self._kernel.execute(self._grant.spec.code or "")
        idle, died = asyncio.create_task(self._idle.wait()), asyncio.create_task(self._kernel.dead())
        await asyncio.wait({idle, died}, return_when=asyncio.FIRST_COMPLETED)
        if not idle.done():
            await asyncio.wait({idle}, timeout=LAST_MESSAGES_S)
        if not idle.done():
            code = died.result()
            message = "The kernel died while it ran the cell" + _by_signal(code)
            self._end = End(outcome=Outcome.FAILED, reason=Reason.KERNEL_DIED, exit_code=code, message=message)
        idle.cancel()
        died.cancel()

    def _listen(self, kind: str, request: str, content: dict[str, Any]) -> None:
        if request != self._request:
            return
        if kind == "stream":
            self._sink.text(content["name"], content["text"])
        elif kind == "execute_input":
            self._begun.set()
        elif kind == "status":
            self._take_status(content["execution_state"])
        elif (event := _event_of(kind, content)) is not None:
            self._sink.event(event)
        if kind == "error":
            self._end = _failed(content)

    def _take_status(self, state: str) -> None:
        if state == "busy":
            asyncio.get_running_loop().call_later(BEGINS_S, self._begun.set)
        elif state == "idle":
            self._begun.set()
            self._idle.set()


def _event_of(kind: str, content: dict[str, Any]) -> events.Event | None:
    """The event that an output message of the Jupyter protocol stands for; None for the others."""
    if kind in ("display_data", "update_display_data"):
        return events.Display(
            data=content["data"],
            metadata=content["metadata"],
            display_id=content.get("transient", {}).get("display_id"),
            update=kind == "update_display_data",
        )
    if kind == "execute_result":
        return events.Result(data=content["data"], metadata=content["metadata"])
    if kind == "error":
        return events.Error(name=content["ename"], value=content["evalue"], traceback=content["traceback"])
    if kind == "clear_output":
        return events.Clear(wait=content["wait"])
    return None


def _failed(content: dict[str, Any]) -> End:
    message = f"{content['ename']}: {content['evalue']}".removesuffix(": ")
    return End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message=message[:1000])


def _by_signal(exit_code: int | None) -> str:
    return f" (signal {-exit_code})." if exit_code is not None and exit_code < 0 else f" (exit code {exit_code})."

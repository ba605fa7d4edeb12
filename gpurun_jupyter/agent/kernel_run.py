"""A cell run: the code in a Jupyter kernel of its own, its messages turned into events."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from gpurun_jupyter.agent.environment import run_environment
from gpurun_jupyter.agent.kernelspecs import kernelspec
from gpurun_jupyter.agent.output import OutputSink
from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Outcome, Reason

#: A kernel that imports much at its start, on a busy machine, may need long.
START_S = 120.0
#: A dead kernel's last messages still arrive.
LAST_MESSAGES_S = 0.5

_DEFAULT_KERNEL = "python3"


class KernelRun:
    """Runs `spec.code` in a fresh kernel in the workspace."""

    def __init__(self, folder: AttemptFolder, grant: Grant, sink: OutputSink) -> None:
        self._folder = folder
        self._grant = grant
        self._sink = sink
        self._kernel = AsyncKernelManager(kernel_name=grant.spec.kernel or _DEFAULT_KERNEL)
        self._end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)

    async def run(self) -> End:
        """Start the kernel, run the code, and shut the kernel down. Raises GpurunError if the kernel does not start."""
        kernelspec(self._kernel.kernel_name)
        env = run_environment(self._folder, self._grant)
        await self._kernel.start_kernel(env=env, cwd=str(self._folder.work))
        client: AsyncKernelClient = self._kernel.client()
        client.start_channels()
        died = asyncio.create_task(self._kernel.provisioner.wait())
        try:
            await self._wait_for_ready(client)
            await self._execute(client, died)
        finally:
            died.cancel()
            client.stop_channels()
            await self._kernel.shutdown_kernel(now=True)
        return self._end

    async def interrupt(self) -> None:
        """Interrupt the code, as a notebook's stop button does."""
        if self._kernel.has_kernel:
            await self._kernel.interrupt_kernel()

    async def _wait_for_ready(self, client: AsyncKernelClient) -> None:
        try:
            await client.wait_for_ready(timeout=START_S)
        except RuntimeError as error:
            raise GpurunError(f"The kernel {self._kernel.kernel_name!r} did not start: {error}.") from error

    async def _execute(self, client: AsyncKernelClient, died: asyncio.Task[int]) -> None:
        request = client.execute(self._grant.spec.code, allow_stdin=False, store_history=False)
        reading = asyncio.create_task(self._read_until_idle(client, request))
        await asyncio.wait({reading, died}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            await asyncio.wait({reading}, timeout=LAST_MESSAGES_S)
        if reading.done():
            return reading.result()
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        message = "The kernel died while it ran the cell" + _by_signal(died.result())
        self._end = End(outcome=Outcome.FAILED, reason=Reason.KERNEL_DIED, exit_code=died.result(), message=message)
        return None

    async def _read_until_idle(self, client: AsyncKernelClient, request: str) -> None:
        while True:
            message = await client.get_iopub_msg()
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return
            if kind == "stream":
                self._sink.text(content["name"], content["text"])
            elif (event := _event_of(kind, content)) is not None:
                self._sink.event(event)
            if kind == "error":
                self._end = _failed(content)


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

"""What a cell runs in: a Jupyter kernel, started from a kernelspec here, or forked (`own_kernel.py`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from gpurun_jupyter.agent.kernels.kernelspecs import kernelspec
from gpurun_jupyter.core.errors import GpurunError

#: A kernel that imports much at its start, on a busy machine, may need long.
START_S = 120.0
#: What a kernel that is told to leave has for its exit handlers and its open files.
LEAVE_S = 5.0

#: A kernel answers a request before it says that it is idle; on the way the two may change places.
REPLY_S = 1.0

#: Takes the kernel's output messages: type, the id of the request that caused it, content.
Listener = Callable[[str, str, dict[str, Any]], None]


class Reply(msgspec.Struct):
    """What a kernel answers to a request: `ok`, `error` with what was raised, or that it did not run the code."""

    status: str = ""
    ename: str = ""
    evalue: str = ""
    traceback: list[str] = []


class Kernel(Protocol):
    """A kernel that runs one piece of code at a time. Lives in an event loop."""

    listener: Listener

    @property
    def pid(self) -> int | None:
        """Its process, once there is one."""

    @property
    def alive(self) -> bool:
        """Whether it has been started and is not gone."""

    async def start(self, env: dict[str, str], cwd: str) -> None:
        """Be ready to run code with these variables in this directory; called again for each further attempt.

        Raises GpurunError if there is no such kernel.
        """

    def execute(self, code: str, *, silent: bool = False) -> str:
        """Begin to run code; returns the id of the request, whose messages go to the listener. `silent`: of ours."""

    async def reply(self, request: str) -> Reply | None:
        """The kernel's answer to a request that it is done with; None where it gives none in time."""

    async def interrupt(self) -> None:
        """Interrupt the code, as a notebook's stop button does."""

    def kill(self) -> None:
        """Kill the process at once."""

    async def dead(self) -> int | None:
        """Wait until the kernel's process is gone; returns its exit code, -N for signal N."""

    async def end(self) -> None:
        """Let the kernel leave, and see to it that it does."""


def nobody(kind: str, request: str, content: dict[str, Any]) -> None:
    """A listener that hears nothing."""


class SpecKernel:
    """A kernel started from its kernelspec: any environment, any language."""

    def __init__(self, name: str) -> None:
        self.listener: Listener = nobody
        self._name = name
        self._process = AsyncKernelManager(kernel_name=name)
        self._client: AsyncKernelClient | None = None
        self._reading: asyncio.Task[None] | None = None
        self._exit: asyncio.Task[int | None] | None = None

    @property
    def pid(self) -> int | None:
        """That of the process which its provisioner has started."""
        return getattr(self._process.provisioner, "pid", None)

    @property
    def alive(self) -> bool:
        """Whether it has been started and is not gone."""
        return self._exit is not None and not self._exit.done()

    async def start(self, env: dict[str, str], cwd: str) -> None:
        """Start the process, or tell the one that runs its new variables and directory. Raises GpurunError."""
        if self._client is not None:
            return self._tell(env, cwd)
        kernelspec(self._name)
        await self._process.start_kernel(env=env, cwd=cwd)
        self._exit = asyncio.create_task(self._process.provisioner.wait())
        self._client = self._process.client()
        self._client.start_channels()
        try:
            await self._client.wait_for_ready(timeout=START_S)
        except RuntimeError as error:
            await self.end()
            raise GpurunError(f"The kernel {self._name!r} did not start: {error}.") from error
        self._reading = asyncio.create_task(self._read())
        return None

    def execute(self, code: str, *, silent: bool = False) -> str:
        """Send the request."""
        assert self._client is not None
        return str(self._client.execute(code, silent=silent, allow_stdin=False, store_history=False))

    async def reply(self, request: str) -> Reply | None:
        """Look through what has come on the shell channel."""
        assert self._client is not None
        with contextlib.suppress(queue.Empty, msgspec.ValidationError):
            while True:
                message = await self._client.get_shell_msg(timeout=REPLY_S)
                if message["parent_header"].get("msg_id") == request:
                    return msgspec.convert(message["content"], Reply)
        return None

    async def interrupt(self) -> None:
        """As the kernelspec says: by signal or by message.

        An ipykernel that awaits something in the cell notices the signal only when it is woken: by a request.
        """
        if self._process.has_kernel:
            await self._process.interrupt_kernel()
        if self._client is not None:
            self._client.kernel_info()

    def kill(self) -> None:
        """SIGKILL, also to one that is still being started."""
        if self._process.has_kernel and (self._exit is None or self.alive):
            os.kill(self._process.provisioner.pid, signal.SIGKILL)

    async def dead(self) -> int | None:
        """Wait for the process."""
        assert self._exit is not None
        return await asyncio.shield(self._exit)

    async def end(self) -> None:
        """Ask it to leave, wait, kill."""
        if self._reading is not None:
            self._reading.cancel()
        if self._client is not None:
            self._client.stop_channels()
        if self._process.has_kernel:
            self._process.shutdown_wait_time = LEAVE_S
            await self._process.shutdown_kernel()

    def _tell(self, env: dict[str, str], cwd: str) -> None:
        """Only Python can be told its variables once it runs."""
        assert self._client is not None
        spec = self._process.kernel_spec
        if spec is not None and spec.language.lower() == "python":
            code = f"import os as _os; _os.environ.update({env!r}); _os.chdir({cwd!r}); del _os"
            self._client.execute(code, silent=True, store_history=False)

    async def _read(self) -> None:
        assert self._client is not None
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                message = await self._client.get_iopub_msg()
                request = message["parent_header"].get("msg_id", "")
                self.listener(message["msg_type"], request, message["content"])

"""What a cell runs in: a Jupyter kernel, started from a kernelspec here, or forked (`own_kernel.py`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.kernels.kernelspecs import kernelspec
from gpurun_jupyter.agent.kernels.merging import Output
from gpurun_jupyter.agent.kernels.next_attempt import Told, telling
from gpurun_jupyter.agent.kernels.output_pipe import PipeReader, Text, make_pipe
from gpurun_jupyter.agent.kernels.start_failures import TAIL_CHARS, not_started
from gpurun_jupyter.in_kernel.cells import PLACE

#: A kernel that imports much at its start, on a busy machine, may need long.
START_S = 120.0
#: What a kernel that is told to leave has for its exit handlers and its open files.
LEAVE_S = 5.0

#: Messages of a kernel that is gone are over when none has come for so long, and at the latest after so long, seconds.
_QUIET_S, LAST_WORDS_S = 0.05, 1.0

#: How often a process is looked at that nobody but its provisioner can wait for, seconds.
_LOOK_S = 0.1

#: A kernel answers a request before it says that it is idle; on the way the two may change places.
REPLY_S = 1.0

#: Has a Python kernel know what a cell of a run is, where its environment finds that.
_INSTALL = """\
try:
    __import__("gpurun_jupyter.in_kernel.cells", fromlist=["cells"]).install()
except ImportError:
    pass
"""

#: Instead of a request: what is printed belongs to an earlier one.
LATE = "late"

#: Takes the kernel's output messages: type, the id of the request that caused it, content. What is printed into a pipe
#: has no request: it belongs to the one that is being carried out.
Listener = Callable[[str, "str | None", dict[str, Any]], None]


class Place(NamedTuple):
    """Where code stands in a notebook: in the cell of this number, below so many of its lines."""

    number: int
    lines_above: int


class Reply(msgspec.Struct):
    """What a kernel answers to a request: `ok`, `error` with what was raised, or that it did not run the code."""

    status: str = ""
    ename: str = ""
    evalue: str = ""
    traceback: list[str] = []
    payload: list[dict[str, Any]] = []

    @property
    def asks_to_leave(self) -> bool:
        """Whether the code has called `exit`."""
        return any(one.get("source") == "ask_exit" for one in self.payload)


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

    def execute(self, code: str, *, silent: bool = False, place: Place | None = None) -> str:
        """Begin to run code; returns the id of the request, whose messages go to the listener. `silent`: of ours.

        `place` is where tracebacks say that it stands.
        """

    async def reply(self, request: str) -> Reply | None:
        """The kernel's answer to a request that it is done with; None where it gives none in time."""

    async def interrupt(self) -> None:
        """Interrupt the code, as a notebook's stop button does."""

    def kill(self) -> None:
        """Kill the process at once."""

    async def dead(self) -> int | None:
        """Wait until the kernel's process is gone; returns its exit code, -N for signal N."""

    async def end(self, within_s: float | None = LEAVE_S) -> int | None:
        """Let the kernel leave, and see to it that it does in time if there is a limit.

        Returns the exit code of one that has left by itself.
        """

    def close(self) -> None:
        """After the end: pass on no more of what its children print."""


def nobody(kind: str, request: str | None, content: dict[str, Any]) -> None:
    """A listener that hears nothing."""


def hear(listener: Listener, kind: str, request: str | None, content: dict[str, Any]) -> None:
    """Have the listener hear a message. What it raises is told to the event loop's handler: the next is read."""
    try:
        listener(kind, request, content)
    except Exception as error:  # noqa: BLE001 - whatever it is
        told = {"message": "A kernel's message was not understood.", "exception": error}
        asyncio.get_running_loop().call_exception_handler(told)


class SpecKernel:
    """A kernel started from its kernelspec: any environment, any language."""

    def __init__(self, name: str) -> None:
        self.listener: Listener = nobody
        self._name = name
        self._process = AsyncKernelManager(kernel_name=name)
        self._client: AsyncKernelClient | None = None
        self._reading: asyncio.Task[None] | None = None
        self._exit: asyncio.Task[int | None] | None = None
        self._output: Output | None = None
        self._told = Told({}, "")
        self._heard = False
        self._printed = ""  # before it was ready: the end of it

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
        before, self._told = self._told, Told(env, cwd)
        if self._client is not None:
            return self._move(before)
        await self._start_process(env, cwd, kernelspec(self._name))
        self._exit = asyncio.create_task(self._wait())
        self._client = self._process.client()
        self._client.start_channels()
        try:
            await self._client.wait_for_ready(timeout=START_S)
        except RuntimeError as error:
            await self.end()
            raise not_started(self._name, str(error), self._printed, Path(cwd)) from error
        self._reading = in_background(self._read())  # until it is ready the client reads messages itself
        if self._is_python:
            self._client.execute(_INSTALL, silent=True, store_history=False, allow_stdin=False)
        return None

    async def _start_process(self, env: dict[str, str], cwd: str, spec: KernelSpec) -> None:
        """With a pipe for what it prints otherwise than by messages; ipykernel leaves that to us when told so."""
        reading, writing = make_pipe()
        raw = ["--IPKernelApp.capture_fd_output=False"] if any("ipykernel" in word for word in spec.argv) else []
        try:
            await self._process.start_kernel(env=env, cwd=cwd, stdout=writing, stderr=writing, extra_arguments=raw)
        finally:
            os.close(writing)  # the kernel has its own: open here, the pipe would never be at its end
        self._output = Output(PipeReader(reading), self._tell)
        self._output.open()

    def _tell(self, part: Text | list[bytes]) -> None:
        assert isinstance(part, Text)  # messages come otherwise
        if self._reading is None:
            self._printed = (self._printed + part.text)[-TAIL_CHARS:]
        hear(self.listener, "stream", None, {"name": part.stream, "text": part.text})

    def execute(self, code: str, *, silent: bool = False, place: Place | None = None) -> str:
        """Send the request."""
        assert self._client is not None
        content = {"code": code, "silent": silent, "store_history": not silent, "user_expressions": {}}
        # Nothing waits behind a request; ipykernel 6 would refuse for a moment what is sent after an error.
        content |= {"allow_stdin": False, "stop_on_error": False}
        metadata = None if place is None else {PLACE: place}
        message = self._client.session.msg("execute_request", content, metadata=metadata)
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

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
        if self._process.has_kernel and (self._exit is None or self.alive):  # else its pid may be another's
            os.kill(self._process.provisioner.pid, signal.SIGKILL)

    async def dead(self) -> int | None:
        """Wait for the process."""
        assert self._exit is not None
        return await asyncio.shield(self._exit)  # several wait for it, and one may be cancelled

    async def end(self, within_s: float | None = LEAVE_S) -> int | None:
        """Ask it to leave, wait, kill."""
        if self._exit is not None and self.alive and self._process.has_kernel:
            await self._process.request_shutdown()
            # what may take any time are Python's threads and exit handlers
            await asyncio.wait({self._exit}, timeout=within_s if self._is_python else LEAVE_S)
            await self._last_words()
        exit_code = self._exit.result() if self._exit is not None and self._exit.done() else None  # before any kill
        if self._reading is not None:
            self._reading.cancel()
        if self._client is not None:
            self._client.stop_channels()
        if self._process.has_kernel and (self._exit is None or self.alive):  # it kills children, too
            await self._process.shutdown_kernel(now=True)
        return exit_code

    async def _last_words(self) -> None:
        """Messages of a kernel that is gone are still on their way."""
        for _ in range(int(LAST_WORDS_S / _QUIET_S)):
            self._heard = False
            await asyncio.sleep(_QUIET_S)
            if not self._heard:
                return

    def close(self) -> None:
        """Hear no more of what it has started."""
        if self._output is not None:
            self._output.close()

    @property
    def _is_python(self) -> bool:
        spec = self._process.kernel_spec
        return spec is not None and spec.language.lower() == "python"

    async def _wait(self) -> int | None:
        provisioner = self._process.provisioner
        while (exit_code := await provisioner.poll()) is None:  # its `wait` breaks where the manager waits, too
            await asyncio.sleep(_LOOK_S)
        if self._output is not None:
            self._output.catch_up()
        return exit_code

    def _move(self, before: Told) -> None:
        """Only Python can be told its variables once it runs."""
        assert self._client is not None
        if self._is_python:
            self._client.execute(telling(before, self._told), silent=True, store_history=False)

    async def _read(self) -> None:
        assert self._client is not None
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                message = await self._client.get_iopub_msg()
                self._heard = True
                request = message["parent_header"].get("msg_id", "")
                if self._output is not None and message["msg_type"] != "stream":
                    self._output.catch_up()
                hear(self.listener, message["msg_type"], request, message["content"])

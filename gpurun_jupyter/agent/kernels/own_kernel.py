"""A kernel forked from this process, which has imported ipykernel: ready in 60 ms instead of 2 s. Linux only.

Parent and kernel speak by Jupyter's messages over local sockets; what has no message goes through a socket pair: that
the kernel is up, the variables and the directory of an attempt (`HandOver`), that it may leave.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session

from gpurun_jupyter.agent.kernels.forked_app import NUMBER, Ends, HandOver, be_kernel
from gpurun_jupyter.agent.kernels.kernel import LATE, LEAVE_S, REPLY_S, START_S, Listener, Place, Reply, hear, nobody
from gpurun_jupyter.agent.kernels.merging import Output
from gpurun_jupyter.agent.kernels.output_pipe import Frames, PipeReader, Text, make_pipe
from gpurun_jupyter.agent.processes.forked import MESSAGE_BYTES, fork
from gpurun_jupyter.agent.processes.marked import gone
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.system.processes import Identity
from gpurun_jupyter.in_kernel.cells import PLACE

#: How often the kernel is asked for a sign of life until the subscription to its output has reached it, seconds.
_PROBE_S = 0.05
#: How often a reply is looked for that is late, seconds.
_LOOK_S = 0.001
#: Messages read in one go: others in the event loop get their turn.
_AT_ONCE = 100
#: So many messages may wait here, each of 64 KiB at most; the kernel's end, which has no limit, keeps the others.
_WAITING = 16
#: What a fresh kernel is asked to run, as if nobody had.
_PRACTICE = {"code": "print(end='')", "silent": False, "store_history": False, "allow_stdin": False}
_DELIMITER = b"<IDS|MSG>"
#: The path of a Unix socket may be so long, with some room for what ipykernel appends.
_SOCKET_PATH_BYTES = 90


class _Header(msgspec.Struct):
    msg_type: str = ""
    msg_id: str = ""


_header = msgspec.json.Decoder(_Header)


def _content(frame: bytes) -> dict[str, Any]:
    """A message's content. A file name that is not UTF-8 makes it what no strict reader takes."""
    try:
        content: dict[str, Any] = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = json.loads(frame.decode("utf-8", "replace"))
    return content


def _number(frame: bytes) -> int | None:
    return int(frame.removeprefix(NUMBER)) if frame.startswith(NUMBER) else None


def fork_kernel() -> OwnKernel:
    """Fork a kernel. Only in a child of a fork parent that has one thread and no event loop yet."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = make_pipe()
    place = Path(_short_folder())
    key = secrets.token_hex(16)
    # over ipc a port is but the ending of a socket's path
    ports = {f"{name}_port": number for number, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)}
    file, _ = write_connection_file(
        str(place / "kernel.json"), **ports, ip=str(place / "k"), transport="ipc", key=key.encode()
    )
    frames = Frames.of(secrets.token_hex(8))
    pid = fork(partial(be_kernel, Ends(here, there, reading, writing, frames), file))
    there.close()  # the kernel's ends: open here, they would hide its death
    os.close(writing)
    return OwnKernel(pid, here, place, key, PipeReader(reading, frames))


def _short_folder() -> str:
    usual = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="gpurun-", dir=usual if len(usual) < _SOCKET_PATH_BYTES - 20 else "/tmp")  # noqa: S108


class OwnKernel:
    """A forked kernel, a child of this process."""

    def __init__(self, pid: int, channel: socket.socket, place: Path, key: str, output: PipeReader) -> None:
        self.listener: Listener = nobody
        self.pid = pid
        self._identity = Identity.of(pid)
        self._channel = channel
        self._channel.setblocking(False)
        self._place = place
        self._output = Output(output, self._tell)
        self._session = Session(key=key.encode())
        self._connected = False
        self._subscribed = asyncio.Event()
        self._exit: asyncio.Task[int | None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it has been started and is not gone."""
        return self._exit is not None and not self._exit.done()

    async def connect(self, *, warm: bool = False) -> None:
        """Wait until the kernel is up and its output arrives here. `warm`: have it run nothing once, for practice.

        Raises GpurunError if it does not come up.
        """
        self._exit = asyncio.create_task(self._wait())
        await self._answer()
        self._open_sockets()
        while not self._subscribed.is_set():  # newer kernels greet a subscriber, the others only answer
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._subscribed.wait(), _PROBE_S)
            if not self._subscribed.is_set():
                self._send("kernel_info_request", {})
        if warm:
            await self._practise()
        shutil.rmtree(self._place, ignore_errors=True)  # both ends are connected: names are of no more use
        self._connected = True

    async def start(self, env: dict[str, str], cwd: str) -> None:
        """Give it the variables and the directory of an attempt. Raises GpurunError."""
        if not self._connected:
            await self.connect()
        self._drop_replies()
        await self._say(HandOver(env, cwd))
        await self._answer()
        self._output.drop()  # what startup files printed

    def execute(self, code: str, *, silent: bool = False, place: Place | None = None) -> str:
        """Send the request."""
        content = {"code": code, "silent": silent, "store_history": not silent, "user_expressions": {}}
        # Nothing waits behind a request; ipykernel 6 would refuse for a moment what is sent after an error.
        content |= {"allow_stdin": False, "stop_on_error": False}
        return self._send("execute_request", content, None if place is None else {PLACE: place})

    async def reply(self, request: str) -> Reply | None:
        """Look through what has come on the shell channel."""
        give_up = time.monotonic() + REPLY_S
        while time.monotonic() < give_up:
            try:
                frames = self._shell.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                await asyncio.sleep(_LOOK_S)
                continue
            at = frames.index(_DELIMITER)
            if _header.decode(frames[at + 3]).msg_id == request:
                return msgspec.convert(_content(frames[at + 5]), Reply)
        return None

    async def interrupt(self) -> None:
        """SIGINT to the kernel and what it started in its group; the request wakes one that awaits something."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGINT)
            self._send("kernel_info_request", {})

    def kill(self) -> None:
        """SIGKILL."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)

    async def dead(self) -> int | None:
        """Wait for the process."""
        assert self._exit is not None
        return await asyncio.shield(self._exit)  # several wait for it, and one may be cancelled

    async def end(self, within_s: float | None = LEAVE_S) -> int | None:
        """Ask it to leave, wait, kill."""
        with contextlib.suppress(OSError):
            await self._say(HandOver({}, "", leave=True))
        if self._exit is not None:
            await asyncio.wait({self._exit}, timeout=within_s)
            if not self._exit.done():
                os.kill(self.pid, signal.SIGKILL)
                await self._exit
        self._disconnect()
        return None if self._exit is None else self._exit.result()

    def close(self) -> None:
        """Hear no more of what it has started."""
        self._output.close()

    async def _say(self, message: HandOver) -> None:
        await asyncio.get_running_loop().sock_sendall(self._channel, msgspec.json.encode(message))

    async def _answer(self) -> None:
        """Wait for the kernel's word that it is done. Raises GpurunError where it died or is silent for long."""
        try:
            receiving = asyncio.get_running_loop().sock_recv(self._channel, MESSAGE_BYTES)
            word = await asyncio.wait_for(receiving, START_S)
        except (OSError, asyncio.TimeoutError):
            word = b""
        if not word:
            raise GpurunError("The kernel did not start.", "The runner's own log says more.")

    def _open_sockets(self) -> None:
        self._output.open()
        self._context = zmq.Context()
        self._shell = self._context.socket(zmq.DEALER)
        self._iopub = self._context.socket(zmq.SUB)
        self._iopub.setsockopt(zmq.RCVHWM, _WAITING)  # before it connects: later it would count for nothing
        self._iopub.subscribe(b"")
        for number, opened in ((1, self._shell), (2, self._iopub)):
            opened.linger = 0
            opened.connect(f"ipc://{self._place}/k-{number}")
        asyncio.get_running_loop().add_reader(self._iopub.fileno(), self._read)

    async def _practise(self) -> None:
        """Have it print nothing: what happens at the first time only, takes 10 ms."""
        done = asyncio.Event()
        request = self._send("execute_request", _PRACTICE)

        def listen(kind: str, cause: str | None, content: dict[str, Any]) -> None:
            if kind == "status" and cause == request and content["execution_state"] == "idle":
                done.set()

        self.listener = listen
        await asyncio.wait_for(done.wait(), START_S)
        self.listener = nobody

    def _send(self, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None) -> str:
        message = self._session.msg(kind, content, metadata=metadata)
        self._shell.send_multipart(self._session.serialize(message))
        return str(message["header"]["msg_id"])

    def _read(self) -> None:
        """Pass on messages. The socket tells only once that there are some: all have to be read."""
        for _ in range(_AT_ONCE):
            try:
                frames = self._iopub.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._subscribed.set()
            self._output.arrived(_number(frames[0]), frames)
        asyncio.get_running_loop().call_soon(self._read_on)

    def _tell(self, part: Text | list[bytes]) -> None:
        """Pass on what was printed, or a message."""
        if isinstance(part, Text):
            name = "stderr" if part.stream == "stderr" else "stdout"
            hear(self.listener, "stream", LATE if part.stream == "late" else None, {"name": name, "text": part.text})
            return
        at = part.index(_DELIMITER)
        header, parent = _header.decode(part[at + 2]), _header.decode(part[at + 3])
        hear(self.listener, header.msg_type, parent.msg_id, _content(part[at + 5]))

    def _read_on(self) -> None:
        if not self._iopub.closed:
            self._read()

    def _drop_replies(self) -> None:
        """Output is all that counts; replies that nobody reads would fill the socket of a session."""
        with contextlib.suppress(zmq.Again):
            while True:
                self._shell.recv_multipart(zmq.NOBLOCK)

    async def _wait(self) -> int | None:
        await gone(self._identity)
        await self._output.last_words()  # before the exit is told: who waits for that has heard all
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])  # noqa: ASYNC222 - it is gone: no wait
        except ChildProcessError:  # whoever ended all children has waited for it
            return None

    def _disconnect(self) -> None:
        self._channel.close()
        shutil.rmtree(self._place, ignore_errors=True)
        if hasattr(self, "_iopub") and not self._iopub.closed:
            asyncio.get_running_loop().remove_reader(self._iopub.fileno())
            self._context.destroy(linger=0)

"""The fork parent as the agent sees it: started when needed, started again when it is gone or out of date."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec

from gpurun_jupyter.agent.processes import title
from gpurun_jupyter.agent.processes.forked import MESSAGE_BYTES
from gpurun_jupyter.agent.warm.fork_messages import Forked, Ready, Request

log = logging.getLogger("gpurun.agent")

#: A fork parent that has imported nothing yet may take so long, and one that has to fork; then runners are started
#: as if there were none.
_READY_S = 20.0
_FORK_S = 5.0
#: After a start that failed the next attempt waits so long, so that not each runner waits for one. Seconds.
_AGAIN_S = 60.0
#: One without children leaves at once; others are not waited for. Seconds.
_LEAVE_S = 0.1
_PROGRAM = "from gpurun_jupyter.agent.warm.fork_parent_process import main; main({fd})"


class ForkParent:
    """Forks on request. Lives in an event loop; `close` has the process end with its last child."""

    def __init__(self) -> None:
        self.kernels: frozenset[str] = frozenset()  # kernelspecs that are this interpreter, known once it is ready
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._starting: asyncio.Task[bool] | None = None
        self._not_before = 0.0  # by the monotonic clock: when it may be started
        self._turn = asyncio.Lock()  # answers have no number: one question at a time

    def start(self) -> None:
        """Begin to start it, where that is possible; who forks meanwhile waits."""
        if title.POSSIBLE and self._channel is None and time.monotonic() >= self._not_before:
            self._starting = asyncio.create_task(self._start())

    async def fork(self, kind: str, folder: str = "", send: Sequence[int] = ()) -> int | None:
        """The pid of a new `kind` of process, which gets the file descriptors `send`.

        None where there is no fork parent: the caller starts a process itself. It may then be that a child was forked
        all the same, just before its parent died; the lock on an attempt's folder decides between the two.
        """
        async with self._turn:
            for _ in range(2):  # out of date: once more with a new one
                if self._channel is None and (self._starting is None or self._starting.done()):
                    self.start()
                if self._starting is None or not await self._starting:
                    return None
                if (pid := await self._ask(Request(kind, folder), send)) is not None:
                    return pid
                self.close()  # an answer that comes late would be taken for that to the next request
        return None

    def close(self) -> None:
        """Let it go; it ends when it sees that nobody is there any more, and no child."""
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        self._hang_up()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LEAVE_S)

    async def _start(self) -> bool:
        """Start the process and wait until it has imported everything; whether it has."""
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:  # the child alone keeps that end: its death is the end of file here
            self._process = _start(there.fileno())
        here.setblocking(False)
        self._channel = here
        answer = await self._receive(_READY_S)
        if not answer:
            log.warning("the fork parent did not start; for a minute runners start without it")
            self._hang_up()
            self._not_before = time.monotonic() + _AGAIN_S
            return False
        self.kernels = frozenset(msgspec.json.decode(answer, type=Ready).kernels)
        return True

    def _hang_up(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    async def _ask(self, request: Request, send: Sequence[int]) -> int | None:
        assert self._channel is not None
        try:
            socket.send_fds(self._channel, [msgspec.json.encode(request)], send)
        except OSError:
            return None
        answer = await self._receive(_FORK_S)
        return msgspec.json.decode(answer, type=Forked).pid if answer else None

    async def _receive(self, within_s: float) -> bytes:
        """The next message; nothing where the process is gone or silent."""
        assert self._channel is not None
        receiving = asyncio.get_running_loop().sock_recv(self._channel, MESSAGE_BYTES)
        try:
            return await asyncio.wait_for(receiving, within_s)
        except (OSError, asyncio.TimeoutError):
            return b""


def _start(fd: int) -> subprocess.Popen[bytes]:
    command, env = title.with_room([sys.executable, "-c", _PROGRAM.format(fd=fd)], os.environ)
    return subprocess.Popen(command, env=env, pass_fds=[fd], stdin=subprocess.DEVNULL, start_new_session=True)

"""Starting runners quickly: in a session, with a kernel that is ready, else forked, else as a fresh interpreter."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from dataclasses import dataclass

import psutil

from gpurun_jupyter.agent import runner_control
from gpurun_jupyter.agent.processes.orphans import Adopted
from gpurun_jupyter.agent.run_environment import environment_state, may_be_forked
from gpurun_jupyter.agent.warm.fork_parent import ForkParent
from gpurun_jupyter.agent.warm.sessions import Sessions
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.system.processes import Identity, boot_id

log = logging.getLogger("gpurun.agent")

#: A spare is made so long after a run was started: the two would slow each other down. Seconds.
PAUSE_S = 0.5
#: Where spares die as they are made, one is tried this often. Seconds.
RETRY_S = 10.0


@dataclass
class Spare:
    """A process that waits for an attempt, with a kernel or without; it ends when this socket is closed."""

    identity: Identity
    channel: socket.socket
    environment: list[int]

    def usable(self) -> bool:
        """Whether it lives, and what it has imported is what is installed."""
        return self.identity.alive() and self.environment == environment_state()

    def hand_over(self, folder: AttemptFolder) -> bool:
        """Give it its attempt; whether it took it."""
        try:
            self.channel.send(str(folder.path).encode())
        except OSError:
            return False
        return True


class Starter:
    """Starts the agent's runners, and keeps `spares` kernels ready. Lives in an event loop."""

    def __init__(self, sessions: Sessions, spares: int) -> None:
        self._sessions = sessions
        self._wanted = spares
        self._fork_parent = ForkParent()
        self._adopted = Adopted()
        self._spares: list[Spare] = []
        self._idle: list[Spare] = []  # without kernels; the one that was used last is the last
        self._keeping: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._started_at = 0.0

    def open(self) -> None:
        """Begin to import, and to make spares."""
        self._fork_parent.start()
        self._keeping = asyncio.create_task(self._keep_spares())

    def close(self) -> None:
        """Let the fork parent and the spares go; runners go on."""
        if self._keeping is not None:
            self._keeping.cancel()
        for spare in (*self._spares, *self._idle):
            spare.channel.close()
        self._spares.clear()
        self._idle.clear()
        self._fork_parent.close()

    async def start(self, folder: AttemptFolder, grant: Grant) -> runner_control.Child:
        """Start the runner of an attempt: detached, it outlives this process."""
        runner_control.prepare(folder, grant)  # first: whoever gets the folder reads its grant
        self._started_at = time.monotonic()
        self._wake.set()
        found = self._waiting(folder, grant)
        return found or await self._forked(folder, grant) or runner_control.start_runner(folder)

    def take_back(self, child: runner_control.Child) -> None:
        """Keep a runner that waits for another attempt; it leaves by itself if none comes."""
        assert child.channel is not None
        self._idle.append(Spare(child.identity, child.channel, environment_state()))

    def _waiting(self, folder: AttemptFolder, grant: Grant) -> runner_control.Child | None:
        """A process that is there and waits: the session's holder, a spare, a runner that has carried out others."""
        if (holder := self._sessions.hand_over(folder, grant)) is not None:
            return runner_control.Child(None, holder, waited=True)
        if not grant.spec.in_kernel:
            spare = _handed_to(self._idle, folder)
            return None if spare is None else runner_control.Child(None, spare.identity, spare.channel, waited=True)
        own = grant.spec.kernel is None or grant.spec.kernel in self._fork_parent.kernels
        if own and may_be_forked(grant) and (spare := _handed_to(self._spares, folder)):
            spare.channel.close()
            return runner_control.Child(None, spare.identity)
        return None

    async def _forked(self, folder: AttemptFolder, grant: Grant) -> runner_control.Child | None:
        """A fork; that of an entry point, which is a process of its own, may carry out others after it."""
        if grant.spec.in_kernel:
            pid = await self._fork_parent.fork("runner", str(folder.path))
            return None if pid is None else runner_control.Child(None, identity_of(pid))
        here, there = _channel()
        with there:  # the child alone keeps that end: its death closes it
            pid = await self._fork_parent.fork("runner", str(folder.path), send=[there.fileno()])
        if pid is None:
            here.close()
            return None
        return runner_control.Child(None, identity_of(pid), here)

    async def _keep_spares(self) -> None:
        while True:
            self._wake.clear()
            quiet = time.monotonic() - self._started_at >= PAUSE_S
            if quiet:
                await self._look_after_spares()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), RETRY_S if quiet else PAUSE_S)

    async def _look_after_spares(self) -> None:
        """Whatever fails, there is a next time; until then runners start without."""
        try:
            self._adopted.look()
            self._drop_unusable()
            while len(self._spares) < self._wanted and await self._make():
                pass
        except Exception:
            log.exception("no kernel could be made ready")

    def _drop_unusable(self) -> None:
        for spares in (self._spares, self._idle):
            for spare in [spare for spare in spares if not spare.usable()]:
                spares.remove(spare)
                spare.channel.close()

    async def _make(self) -> bool:
        here, there = _channel()
        environment = environment_state()  # before the fork: what is installed meanwhile makes it unusable
        with there:
            pid = await self._fork_parent.fork("spare", send=[there.fileno()])
        if pid is None:
            here.close()
            return False
        self._spares.append(Spare(identity_of(pid), here, environment))
        return True


def _channel() -> tuple[socket.socket, socket.socket]:
    # messages stay apart, and the other's end is told
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    here.setblocking(False)
    return here, there


def _handed_to(spares: list[Spare], folder: AttemptFolder) -> Spare | None:
    """The spare that took the attempt; those that are of no use any more are let go."""
    while spares:
        spare = spares.pop()
        if spare.usable() and spare.hand_over(folder):
            return spare
        spare.channel.close()
    return None


def identity_of(pid: int) -> Identity:
    """The identity of a process that was just started, also if it is gone already."""
    try:
        return Identity.of(pid)
    except psutil.NoSuchProcess:
        return Identity(pid, 0.0, boot_id())

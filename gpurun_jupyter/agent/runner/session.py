"""Holding a session: one kernel, one attempt after another, until it is ended or its kernel dies.

The holder is the process that was the runner of the session's first attempt. It keeps its kernel and its devices.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.kernels.kernel import Kernel, SpecKernel
from gpurun_jupyter.agent.processes.forked import redirect
from gpurun_jupyter.agent.processes.marked import kill_left_of_session
from gpurun_jupyter.agent.runner import attempt
from gpurun_jupyter.agent.runner.faults import Faults, word_left
from gpurun_jupyter.agent.runner.kernel_run import DEFAULT_KERNEL
from gpurun_jupyter.agent.runner.masking import Masking
from gpurun_jupyter.agent.runner.session_folder import Order, Record
from gpurun_jupyter.agent.runner.stopping import forget_terminations
from gpurun_jupyter.agent.runner.tracking.door import Door
from gpurun_jupyter.core.home import AttemptFolder, write_json
from gpurun_jupyter.core.system.bells import listeners, ring
from gpurun_jupyter.core.system.processes import Identity
from gpurun_jupyter.core.system.records import UNREADABLE

#: An idle session without an agent ends after so long, seconds.
UNATTENDED_S = 3600.0

_READ_BYTES = 65536
#: The session's own log is for a glance at what background threads say; more than this is dropped.
_MAX_LOG_BYTES = 16 * 2**20


async def hold(first: attempt.Taken, kernel: Kernel | None) -> None:
    """Carry out a session's first attempt, and those that are ordered after it."""
    session = Session(first, kernel or SpecKernel(first.grant.spec.kernel or DEFAULT_KERNEL))
    with session.orders_open() as orders:
        await session.carry_out(first)  # orders are heard already: a restart may come meanwhile
        while session.alive:
            order = await session.next_order(orders)
            with session.going_on_after(order):
                await session.obey(order)
    await session.end()


class Session:
    """The holder's side of a session."""

    def __init__(self, first: attempt.Taken, kernel: Kernel) -> None:
        grant, home = first.grant, first.folder.home
        assert grant.session is not None  # runner.main has looked
        self.alive = True
        self._restarting = False  # that is ordered
        self._masking = Masking()  # of all attempts: the kernel may have kept what it was told
        self._bells = home.bells
        self._folder = home.session(grant.session.owner, grant.session.name)
        self._faults = Faults(self._folder.log)  # between attempts
        self._kernel = kernel
        self._kernel.listener = self._listen  # but for the time of an attempt
        self._door = Door()
        self._orders: asyncio.Queue[Order] = asyncio.Queue()
        self._watching: asyncio.Task[None] | None = None
        self._record = Record(
            holder=Identity.of(os.getpid()),
            owner=grant.session.owner,
            name=grant.session.name,
            kernel=grant.spec.kernel,
            devices=[device.id for device in grant.devices],
        )

    @contextlib.contextmanager
    def orders_open(self) -> Iterator[asyncio.Queue[Order]]:
        """The orders that come through the FIFO. Who writes after this finds nobody there."""
        self._folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.log.unlink(missing_ok=True)
        redirect(self._folder.log)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._folder.orders, 0o600)
        fd = os.open(self._folder.orders, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # never an end of file
        asyncio.get_running_loop().add_reader(fd, self._read_orders, fd, bytearray())
        self._record.inode = self._folder.path.stat().st_ino
        write_json(self._folder.record, self._record)  # last: who finds it gives orders
        try:
            yield self._orders
        finally:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    async def next_order(self, orders: asyncio.Queue[Order]) -> Order:
        """Wait for one. An agent ends sessions that are idle for long; where none has come back, this does."""
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(orders.get(), UNATTENDED_S)
            if not listeners(self._bells, "agent"):
                return Order("end")

    async def carry_out(self, taken: attempt.Taken) -> None:
        """Carry out one attempt; afterwards the session is idle, or over if its kernel is."""
        try:
            forget_terminations()
            self._masking = taken.masking = Masking({*self._masking.values, *taken.secrets.values(), self._door.token})
            await attempt.carry_out(taken, self._kernel, self._after_death, self._door)
        finally:
            os.close(taken.lock)
        self.alive = self._kernel.alive or self._restarting
        if self._watching is None and self._kernel.alive:
            self._watching = in_background(self._watch_kernel())

    async def obey(self, order: Order) -> None:
        """Do what was ordered."""
        if order.what == "end":
            self.alive = False
        elif order.what == "restart":
            await self._restart()
        elif (taken := attempt.take(AttemptFolder(order.folder), devices_held=True)) is not None:
            await self.carry_out(taken)

    def going_on_after(self, order: Order) -> contextlib.AbstractContextManager[None]:
        """Whatever goes wrong within it, the session goes on."""
        return word_left(AttemptFolder(order.folder)) if order.what == "attempt" else self._faults.caught()

    async def end(self) -> None:
        """Let the kernel go, and all that it started."""
        if self._watching is not None:
            self._watching.cancel()
        await self._end_kernel()
        await self._door.close()
        self._folder.record.unlink(missing_ok=True)
        self._folder.orders.unlink(missing_ok=True)
        ring(self._bells, "work")

    def _after_death(self) -> str:
        return f"The session «{self._record.name}» {'begins anew' if self._restarting else 'has ended'}."

    async def _restart(self) -> None:
        """Another kernel of the same kind; it starts with the next attempt."""
        self._restarting = False
        if self._watching is not None:
            self._watching.cancel()  # or the old kernel's end would be the session's
            self._watching = None
        await self._end_kernel()
        self._kernel = SpecKernel(self._record.kernel or DEFAULT_KERNEL)
        self._kernel.listener = self._listen

    async def _end_kernel(self) -> None:
        with self._faults.caught():  # what is left of it is killed
            await self._kernel.end()
        kill_left_of_session(str(self._folder.path))
        self._kernel.close()

    async def _watch_kernel(self) -> None:
        """A kernel that dies by itself, also between attempts, is the session's end."""
        await self._kernel.dead()
        if not self._restarting:
            self._orders.put_nowait(Order("end"))

    def _listen(self, kind: str, _: str | None, content: dict[str, Any]) -> None:
        """What is printed while no attempt is carried out. Who reads the kernel's messages has to read on."""
        with self._faults.caught():
            if kind == "stream" and not _is_long(self._folder.log):
                os.write(1, self._masking.text(content["text"]).encode(errors="replace"))

    def _read_orders(self, fd: int, begun: bytearray) -> None:
        with contextlib.suppress(BlockingIOError):
            begun += os.read(fd, _READ_BYTES)
        *lines, rest = begun.split(b"\n")
        begun[:] = rest
        for line in lines:
            with contextlib.suppress(*UNREADABLE):  # a run may write into the FIFO, too
                order = msgspec.json.decode(line, type=Order)
                self._restarting |= order.what == "restart"  # at once: the kernel may die before its turn comes
                self._orders.put_nowait(order)


def _is_long(log: Path) -> bool:
    return log.exists() and log.stat().st_size > _MAX_LOG_BYTES

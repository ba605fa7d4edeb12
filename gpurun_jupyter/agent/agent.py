"""The agent: offers this machine's devices, starts a runner for each attempt that it is granted, watches it to its end.

Everything it needs to go on after a restart lies in the attempts' folders, so it may be killed at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from gpurun_jupyter.agent import launching
from gpurun_jupyter.agent.devices import Devices
from gpurun_jupyter.agent.link import Link
from gpurun_jupyter.agent.processes import gone, kill_attempt
from gpurun_jupyter.core.bells import Bell, listeners
from gpurun_jupyter.core.grants import Grant, Orders, Report, Stop
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.processes import boot_id

log = logging.getLogger("gpurun.agent")

HEARTBEAT_S = 2.0
#: Progress reaches the database at most this often for each run.
ADVANCE_S = 1.0


@dataclass
class Held:
    """An attempt that this agent carries out."""

    grant: Grant
    folder: AttemptFolder
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    stop: Stop | None = None


class Agent:
    """One agent on one state directory. `idle_s`: it ends itself after so long without runs, queue and servers."""

    def __init__(
        self, home: Home, link: Link, *, agent_id: str, host: str, version: str, cpu_slots: int, idle_s: float
    ) -> None:
        self._home = home
        self._link = link
        self._agent_id, self._host, self._version = agent_id, host, version
        self._devices = Devices(cpu_slots)
        self._idle_s = idle_s
        self._held: dict[str, Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._leaving = False

    async def run(self) -> None:
        """Report, take, stop, wait; until it is told to leave or has been idle for long."""
        with self._listening(), self._leaving_on_signals():
            busy_at = time.monotonic()
            while not self._leaving and time.monotonic() - busy_at < self._idle_s:
                orders = await self._sync()
                for grant in orders.grants:
                    self._take(grant)
                for stop in orders.stops:
                    self._stop(stop)
                if self._held or orders.waiting or listeners(self._home.bells, "server"):
                    busy_at = time.monotonic()
                await self._woken()
        self._devices.close()
        log.info("leaving; %d runs go on", len(self._held))

    async def _sync(self) -> Orders:
        report = Report(
            agent_id=self._agent_id,
            host=self._host,
            version=self._version,
            boot=boot_id(),
            devices=self._devices.read(),
            holding=list(self._held),
        )
        try:
            return await self._link.sync(report)
        except OSError as error:
            log.warning("could not report: %s", error)
            return Orders(waiting=1)

    async def _woken(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), HEARTBEAT_S)
        self._wake.clear()

    def _take(self, grant: Grant) -> None:
        held = Held(grant, self._home.attempt(grant.run_id, grant.attempt))
        self._held[grant.key] = held
        task = asyncio.create_task(self._carry_out(held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _stop(self, stop: Stop) -> None:
        held = self._held.get(f"{stop.run_id}/{stop.attempt}")
        if held is not None and held.stop != stop:
            held.stop = stop
            launching.ask_to_stop(held.folder, stop)

    async def _carry_out(self, held: Held) -> None:
        """Start the attempt's runner, or adopt it, pass on its news, and say when it is gone."""
        grant = held.grant
        watching = asyncio.create_task(self._pass_on(held))
        try:
            await self._to_its_end(held)
        finally:
            watching.cancel()
        if not held.folder.exit.exists():
            kill_attempt(grant.key)
        await self._tell_end(held)
        del self._held[grant.key]
        self._wake.set()

    async def _to_its_end(self, held: Held) -> None:
        identity = launching.living_runner(held.folder)
        if identity is None and launching.may_start(held.folder):
            log.info("starting %s", held.grant.key)
            child = launching.start_runner(held.folder, held.grant)
            await gone(child.identity)
            child.reap()
            identity = launching.living_runner(held.folder)  # of an earlier agent: it held the lock before ours came
        if identity is not None:
            log.info("adopted %s, pid %d", held.grant.key, identity.pid)
            await gone(identity)

    async def _pass_on(self, held: Held) -> None:
        while True:
            await held.grown.wait()
            held.grown.clear()
            with contextlib.suppress(OSError):
                await self._link.advance(held.grant)
            await asyncio.sleep(ADVANCE_S)

    async def _tell_end(self, held: Held) -> None:
        while True:
            try:
                return await self._link.ended(held.grant, launching.last_word(held.folder))
            except OSError as error:
                log.warning("could not report the end of %s: %s", held.grant.key, error)
                await asyncio.sleep(HEARTBEAT_S)

    def _rung(self, bell: Bell) -> None:
        for ring in bell.read():
            kind, _, run_id = ring.partition(" ")
            if kind == "queue":
                self._wake.set()
            elif kind == "log":
                for held in self._held.values():
                    if held.grant.run_id == run_id:
                        held.grown.set()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        loop, bell = asyncio.get_running_loop(), Bell(self._home.bells, "agent")
        loop.add_reader(bell.fileno(), self._rung, bell)
        try:
            yield
        finally:
            loop.remove_reader(bell.fileno())
            bell.close()

    @contextlib.contextmanager
    def _leaving_on_signals(self) -> Iterator[None]:
        def leave() -> None:
            self._leaving = True
            self._wake.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, leave)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

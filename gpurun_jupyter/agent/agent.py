"""The agent: offers this machine's devices, starts a runner for each attempt that it is granted, watches it to its end.

Everything it needs to go on after a restart lies in the attempts' folders, so it may be killed at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial

from gpurun_jupyter.agent.attempts.carrying_out import CarryingOut
from gpurun_jupyter.agent.attempts.environment_record import Recorder
from gpurun_jupyter.agent.attempts.held_attempt import Held
from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.backoff import Pauses
from gpurun_jupyter.agent.devices.inventory import Devices
from gpurun_jupyter.agent.link import Link
from gpurun_jupyter.agent.runner.session_folder import Order
from gpurun_jupyter.agent.signals import on_signals
from gpurun_jupyter.agent.warm.sessions import Sessions
from gpurun_jupyter.agent.warm.spares import Starter
from gpurun_jupyter.core.errors import NotJoined, Revoked
from gpurun_jupyter.core.grants import Grant, Orders, Report, SessionName, Stop
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.bells import Bell, listeners
from gpurun_jupyter.core.system.processes import boot_id

log = logging.getLogger("gpurun.agent")

#: A ring of the doorbell may be lost: work then waits for so long. Seconds.
HEARTBEAT_S = 2.0
#: How long the runs of an agent whose key was revoked may take to end, seconds.
ENDING_S = 60.0


class Agent:
    """One agent on one state directory. `idle_s`: it ends itself after so long without runs, queue and servers.

    `spares` kernels are kept ready for cells; a session that is idle for `session_idle_s` is ended. It ends itself also
    when it is `outdated`. `labels` tells what runs may ask for beside devices, as it is at the moment. It reports every
    `heartbeat_s` where nothing happens.
    """

    def __init__(
        self,
        home: Home,
        link: Link,
        *,
        agent_id: str,
        host: str,
        version: str,
        cpu_slots: int,
        idle_s: float,
        spares: int = 1,
        session_idle_s: float = 1800.0,
        heartbeat_s: float = HEARTBEAT_S,
        labels: Callable[[], list[str]] = list,
        outdated: Callable[[], bool] = lambda: False,
    ) -> None:
        self._home = home
        self._link = link
        self._agent_id, self._host, self._version = agent_id, host, version
        self._devices = Devices(cpu_slots, home)
        self._sessions = Sessions(home, session_idle_s)
        self._starter = Starter(self._sessions, spares)
        self._recorder = Recorder(home, host, self._devices.driver)
        self._carrying_out = CarryingOut(link, self._devices, self._starter, self._recorder)
        self._idle_s = idle_s
        self._labels = labels
        self._outdated = outdated
        self._held: dict[str, Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself does not keep a task alive
        self._wake = asyncio.Event()
        self._leaving = False
        self._ending_all = False  # no new runs, and when the last has ended, it leaves
        self._pauses = Pauses(link.longest_pause_s, link.hurry)
        self._queue_waits = False
        self._pause_s = self._heartbeat_s = heartbeat_s

    @property
    def told_to_leave(self) -> bool:
        """Whether a signal asked for it."""
        return self._leaving

    async def run(self) -> None:
        """Report, take, stop, wait; until it is told to leave or has been idle for long."""
        leave, end_all = self._leave, partial(self._end_all, "who stopped the agent")
        # `gpurun agent stop --kill` sends SIGQUIT; SIGTERM, as service managers send it, leaves the runs at work
        on: dict[int, Callable[[], None]] = {signal.SIGTERM: leave, signal.SIGINT: leave, signal.SIGQUIT: end_all}
        with self._listening(), on_signals(on):  # before the first report: a ring during that is not missed
            self._starter.open()
            busy_at = time.monotonic()
            while not self._may_leave() and time.monotonic() - busy_at < self._idle_s:
                try:
                    orders = await self._turn()
                except Revoked:  # a key that is merely unknown ends no run: the server may have an old database
                    await self._end_for_good()
                    raise
                # where a server is, somebody may submit a run at any moment
                if self._at_work() or orders.waiting or listeners(self._home.bells, "server"):
                    busy_at = time.monotonic()
                await self._woken(self._pause_s)
        self._recorder.close()
        self._starter.close()
        self._devices.close()
        log.info("leaving; %d runs go on", len(self._held))

    def _may_leave(self) -> bool:
        return self._leaving or (self._ending_all and not self._at_work()) or self._outdated()

    def _at_work(self) -> bool:
        return bool(self._held) or self._sessions.there()

    def _end_all(self, by: str) -> None:
        """Take no more runs, and have those that are there killed, and sessions ended."""
        self._ending_all = True
        self._sessions.end_all()
        for held in self._held.values():
            self._stop(Stop(held.grant.run_id, held.grant.attempt, by=by, kill=True))
        self._wake.set()

    async def _end_for_good(self) -> None:
        """The server will never hear of these runs again, and nobody could stop them from there."""
        self._end_all("the server, which has revoked this machine")
        give_up = time.monotonic() + ENDING_S
        while time.monotonic() < give_up and (
            self._sessions.there() or any(held.end is None for held in self._held.values())
        ):
            await self._woken(HEARTBEAT_S)

    async def _turn(self) -> Orders:
        """Report, and do as ordered. What fails is tried again: what was granted meanwhile, is granted once more."""
        try:
            orders = await self._sync()
            self._queue_waits = orders.waiting > 0
            self._carry_on(orders)
        except NotJoined:  # no outage: to ask again changes nothing
            raise
        except Exception as error:
            log.warning("could not report: %s", error, exc_info=not isinstance(error, OSError))
            self._pause_s = self._pauses.next_s()
            return Orders(waiting=1)  # nobody knows: an agent does not leave as idle because its server is away
        self._pause_s = self._heartbeat_s
        self._pauses.over()
        return orders

    async def _sync(self) -> Orders:
        ended = [held.ended() for held in self._held.values() if held.end is not None]
        report = Report(
            agent_id=self._agent_id,
            host=self._host,
            version=self._version,
            boot=boot_id(),
            devices=self._devices.read(wanting=self._queue_waits),
            holding=[key for key, held in self._held.items() if held.end is None],
            ended=ended,
            labels=self._labels(),
            claiming=not self._ending_all,
            sessions=self._sessions.states({name: held.grant.key for name, held in self._busy_sessions().items()}),
        )
        orders = await self._link.sync(report)
        for one in ended:  # others may have ended while the answer was on its way: the next report tells of them
            del self._held[f"{one.run_id}/{one.attempt}"]
        return orders

    def _carry_on(self, orders: Orders) -> None:
        """Do as ordered. A run that comes with the wish to restart its session begins after that."""
        begun = [
            grant for grant in orders.grants if os.path.lexists(self._home.attempt(grant.run_id, grant.attempt).grant)
        ]
        for grant in begun:  # known before anything is obeyed: an order may concern them
            self._take(grant)
        self._obey(orders)
        for grant in orders.grants:
            if grant not in begun:
                self._take(grant)
        for stop in orders.stops:  # after the grants: a stop may be of one of these
            self._stop(stop)

    async def _woken(self, within_s: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), within_s)
        self._wake.clear()  # before the next report: who rings during that wants another one

    def _take(self, grant: Grant) -> None:
        held = Held(grant, self._home.attempt(grant.run_id, grant.attempt))
        self._held[grant.key] = held
        task = in_background(self._carry_out(held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _stop(self, stop: Stop) -> None:
        held = self._held.get(f"{stop.run_id}/{stop.attempt}")
        # each answer says it again; a kill that follows is another stop
        if held is not None and held.end is None and held.stop != stop:
            held.stop_it(stop)

    def _obey(self, orders: Orders) -> None:
        """End and restart sessions; what a session is busy with is killed first."""
        busy = self._busy_sessions()
        wishes = [(name, Order("end")) for name in orders.end_sessions]
        wishes += [(name, Order("restart")) for name in orders.restart_sessions]
        for name, order in wishes:
            self._sessions.order(name, order)  # before the kill: a kernel that dies without it ends its session
            if (held := busy.get(name)) is not None:
                run_id, attempt = held.grant.run_id, held.grant.attempt
                self._stop(Stop(run_id, attempt, by=f"{order.what} of session «{name.name}»", kill=True))

    def _busy_sessions(self) -> dict[SessionName, Held]:
        at_work = (held for held in self._held.values() if held.end is None)
        return {held.grant.session: held for held in at_work if held.grant.session is not None}

    async def _carry_out(self, held: Held) -> None:
        try:
            await self._carrying_out.to_the_end(held)
        finally:
            self._wake.set()  # its end is told at once, and its devices go to another

    def _rung(self, bell: Bell) -> None:
        for ring in bell.read():
            kind, _, run_id = ring.partition(" ")
            if kind == "work":
                self._wake.set()
            elif kind == "sync":
                self._link.asked(run_id)
                self._wake.set()
            else:
                for held in self._held.values():
                    if held.grant.run_id == run_id:
                        held.hear(kind)

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        loop, bell = asyncio.get_running_loop(), Bell(self._home.bells, "agent")
        loop.add_reader(bell.fileno(), self._rung, bell)
        try:
            yield
        finally:
            loop.remove_reader(bell.fileno())  # before it is closed: its number may be another file's then
            bell.close()

    def _leave(self) -> None:
        self._leaving = True
        self._wake.set()

"""A queue on a real database, with agents and runners that a test moves by hand, and clocks that it sets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from unittest import mock

import sqlalchemy as sa
from databases import empty_database
from placements import TOTAL, slot

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.events import FORMAT_VERSION, End, Event, Start, encode_line
from gpurun_jupyter.core.grants import Grant, Orders, Report, Stop
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.agents.claims import claim
from gpurun_server.queue.agents.leases import LOOK_S, Judge, Terms, enforce, last_reports
from gpurun_server.queue.intake.ingest import ingest
from gpurun_server.queue.ledger.known_agents import offers
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.lifecycle import accept
from gpurun_server.queue.lifecycle.ending import end_attempt
from gpurun_server.store.database import Database, Writing
from gpurun_server.store.queries import history_of
from gpurun_server.store.tables import attempts, runs

THIS_BOOT = "this boot"
#: Short, so that a test needs few looks of the judge: lost after two of them, tried again after four.
TERMS = Terms(lost_s=2 * LOOK_S, retry_s=4 * LOOK_S, given_up_s=8 * LOOK_S)

COMPLETED = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)
FAILED = End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message="ValueError: no")
TIMED_OUT = End(outcome=Outcome.TIMED_OUT, reason=Reason.TIMEOUT)
STOPPED = End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message="stopped by anna")
TAKEN = End(outcome=Outcome.FAILED, reason=Reason.DEVICES_TAKEN, message="gpu0 is held by pid 7")
KILLED = End(outcome=Outcome.FAILED, reason=Reason.RUNNER_KILLED)

P = ParamSpec("P")
T = TypeVar("T")


class UndoneError(Exception):
    """Raised to have a transaction rolled back."""


class Clock:
    """The two clocks of a machine: the wall's may be set, the steady one only goes on."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_700_000_000.0, 0.0

    def time(self) -> float:
        return self.wall

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@dataclass
class PlayedAgent:
    """An agent and its machine. `seen`: whether what it says arrives. `local`: on the server's own machine."""

    id: str
    devices: list[Device]
    local: bool = False
    seen: bool = True
    holding: dict[str, Runner] = field(default_factory=dict)
    runners: dict[str, Runner] = field(default_factory=dict)  # of every attempt that was ever begun on the machine

    def report(self) -> Report:
        boot = THIS_BOOT if self.local else f"boot of {self.id}"
        return Report(
            agent_id=self.id, host=self.id, version="1", boot=boot, devices=self.devices, holding=list(self.holding)
        )

    def in_use(self, device_id: str) -> bool:
        """Whether a runner is at work on a GPU, whatever the queue knows of it: the lock that runners take."""
        return any(
            runner.at_work and device_id in runner.gpus and runner.grant.spec.gpu_mem is None
            for runner in self.runners.values()
        )


@dataclass
class Runner:
    """What really goes on: an attempt's runner, whatever its agent and the queue know of it."""

    grant: Grant
    folder: AttemptFolder
    at_work: bool = False
    gone: bool = False
    exit: End | None = None  # its exit record
    stop: Stop | None = None  # asked to end

    @property
    def key(self) -> str:
        return self.grant.key

    @property
    def gpus(self) -> list[str]:
        return [device.id for device in self.grant.devices if device.kind != "cpu"]

    def say(self, event: Event) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with self.folder.events.open("ab") as log:
            log.write(encode_line(event))

    def begin(self) -> None:
        """Write the log's first line."""
        self.at_work = True
        self.say(Start(v=FORMAT_VERSION, attempt=self.grant.attempt, pid=1, devices=self.gpus, t=time.time()))

    def end(self, end: End) -> None:
        """End by itself: with a last line if it was at work, and with an exit record."""
        if self.at_work:
            self.say(end)
        self.exit = end
        self.die()

    def die(self) -> None:
        """As by kill -9: no last line, no exit record."""
        self.at_work, self.gone = False, True


class World:
    """The queue functions on SQLite, the agents, and the judge of a server that may be away."""

    def __init__(self, folder: Path, terms: Terms = TERMS) -> None:
        self.home = Home(folder)
        self.database, self.agents_database = empty_database(self.home), Database(self.home)  # of two processes
        self.ledgers = {True: Ledger(), False: Ledger()}  # of the local agent, of the server for the others
        self.clock, self.terms = Clock(), terms
        self.agents: dict[str, PlayedAgent] = {}
        self.new_judge()

    def change(self, act: Callable[Concatenate[Writing, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One write transaction of the server."""
        with self.database.write() as writing:
            return act(writing, *args, **kwargs)

    def told(
        self, agent: PlayedAgent, act: Callable[Concatenate[Writing, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same for an agent: the local one has a database of its own, others speak to the server."""
        with (self.agents_database if agent.local else self.database).write() as writing:
            return act(writing, *args, **kwargs)

    def add_agent(self, name: str, *, gpus: int = 0, slots: int = 0, local: bool = False) -> PlayedAgent:
        cards = [Device(f"GPU-{name}-{n}", "gpu", n, memory_total_bytes=TOTAL) for n in range(gpus)]
        self.agents[name] = PlayedAgent(name, cards + [slot(n) for n in range(slots)], local)
        self.report(self.agents[name])
        return self.agents[name]

    def submit(self, owner: str = "anna", key: str | None = None, **fields: Any) -> str:
        def act(writing: Writing) -> str:
            spec, ledger = RunSpec(code="1", **fields), Ledger()
            return accept.accept(writing, self.home, spec, owner=owner, key=key, offers=offers(writing.conn, ledger))

        return self.change(act)

    # What agents do

    def report(self, agent: PlayedAgent, *, answer_lost: bool = False) -> Orders:
        """A heartbeat, and what the agent does when it hears the answer."""
        orders = self.told(agent, claim, self.ledgers[agent.local], agent.report())
        for grant in () if answer_lost else orders.grants:
            known = agent.runners.get(grant.key)
            folder = self.home.attempt(grant.run_id, grant.attempt)
            agent.holding[grant.key] = agent.runners[grant.key] = known or Runner(grant, folder)
        for stop in () if answer_lost else orders.stops:
            if runner := agent.holding.get(f"{stop.run_id}/{stop.attempt}"):
                runner.stop = stop
        return orders

    def report_undone(self, agent: PlayedAgent) -> None:
        """A heartbeat that was decided upon, and then not committed."""

        def act(writing: Writing) -> None:
            claim(writing, self.ledgers[agent.local], agent.report())
            raise UndoneError

        with suppress(UndoneError):
            self.told(agent, act)

    def ingest(self, agent: PlayedAgent, runner: Runner) -> bool:
        grant = runner.grant
        return self.told(agent, ingest, grant.run_id, grant.attempt, runner.folder.events, f"agent {agent.id}")

    def tell_end(self, agent: PlayedAgent, runner: Runner) -> None:
        """The runner is gone: the rest of its log, then its last word."""
        while self.ingest(agent, runner):
            pass
        grant = runner.grant
        self.told(agent, end_attempt, grant.run_id, grant.attempt, runner.exit or KILLED, f"agent {agent.id}")
        agent.holding.pop(runner.key, None)

    def start(self, agent: PlayedAgent) -> Runner:
        """Report, and begin the one attempt that is granted."""
        before = set(agent.runners)
        self.report(agent)
        (key,) = set(agent.runners) - before
        agent.runners[key].begin()
        self.ingest(agent, agent.runners[key])
        return agent.runners[key]

    # What the server does

    def new_judge(self) -> None:
        """The server was started."""
        self.judge = Judge(lambda: self.clock.steady)

    def look(self) -> dict[str, float]:
        """A look of the judge, with what follows from it, as the server does it."""
        with self.database.read() as conn:
            silence_s = self.judge.look(last_reports(conn, THIS_BOOT))
        if any(silent_s >= self.terms.lost_s for silent_s in silence_s.values()):
            self.change(enforce, silence_s, self.terms)
        return silence_s

    def pass_s(self, seconds: float, *, reporting: Sequence[PlayedAgent] = ()) -> None:
        """Time goes by; the judge looks as often as it does, first at once. These agents report."""
        self.look()
        for _ in range(round(seconds / LOOK_S)):
            self.clock.advance(LOOK_S)
            for agent in reporting:
                self.report(agent)
            self.look()

    # What is written down

    def run(self, run_id: str) -> Any:
        with self.database.read() as conn:
            return conn.execute(sa.select(runs).where(runs.c.id == run_id)).one()

    def state(self, run_id: str) -> str:
        return str(self.run(run_id).state)

    def states(self, run_id: str) -> list[str]:
        """Every state that the run was in."""
        with self.database.read() as conn:
            return [line["after"] for line in history_of(conn, run_id)]

    def messages(self, run_id: str) -> list[str]:
        with self.database.read() as conn:
            return [line["message"] for line in history_of(conn, run_id) if line["message"]]

    def open_attempts(self) -> list[Any]:
        with self.database.read() as conn:
            return list(conn.execute(sa.select(attempts).where(attempts.c.ended_at.is_(None))))


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """A world whose wall clock is everybody's."""
    world = World(folder)
    ids = (f"r{number}" for number in count(1))  # by chance they would order things in another way each time
    with mock.patch.object(time, "time", world.clock.time), mock.patch.object(accept, "new_run_id", ids.__next__):
        yield world
    world.database.close()
    world.agents_database.close()
